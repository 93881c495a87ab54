"""How numbers of things are said."""


def counted(number: int, noun: str) -> str:
    """Say how many there are: 1 glitch, 2 glitches, 0 pictures, 3 epochs."""
    ending = "es" if noun.endswith(("tch", "s")) else "s"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{ending}"
