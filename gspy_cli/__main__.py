"""Run gspy, as `gspy` or `python -m gspy_cli`."""

import signal


def main() -> None:
    """Run the command line; until it listens to Ctrl-C, that ends it silently."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gspy_cli.cli import main

    main()


if __name__ == "__main__":
    main()
