"""How help is laid out: commands and options by what a user is doing.

Plain text, by headings: rich's panels would double the time that `--help` takes.
"""

from typing import Any

from typer.core import TyperCommand

COMMANDS = {
    "Name glitches": ("classify", "qscan"),
    "Make a model": ("data", "simulate", "train", "evaluate", "export"),
    "See what there is": ("models", "devices"),
}

OPTIONS = {
    "classify": {
        "Input": "recursive files_from watch per_glitch",
        "Strain": "gps triggers open_data channel ifo time_shift_check",
        "Output": "output form gallery sort_into link overwrite top_k min_confidence "
        "explain quiet",
        "Model and machine": "model device batch_size workers cluster",
    },
    "train": {
        "Data": "data window own_classes validation test simulated real_share cache",
        "Run": "output name resume folds seed quiet",
        "Network": "architecture image_size pretrained weights",
        "Recipe": "recipe epochs batch_size lr weight_decay scheduler optimizer "
        "warmup_epochs label_smoothing balance ema_decay augment patience",
        "Autoencoder (cae)": "reconstruct_epochs reconstruction_weight freeze_encoder",
        "Machine": "device compiled amp workers",
    },
    "qscan": {
        "Strain": "gps open_data channel ifo",
        "Output": "output window form annotate quiet",
    },
    "simulate": {
        "What": "count classes seed noise",
        "Output": "output jpeg strain inputs workers quiet",
    },
    "evaluate": {
        "Data": "data split window reference",
        "Output": "output quiet",
        "Machine": "device batch_size",
    },
    "export": {
        "Output": "output precision force opset",
        "Card": "name temperature scores licence",
        "Data": "data cache simulated",
        "Check": "check",
    },
}
"""Of the commands with many options, by their parameters; the rest comes last."""

WIDEST = 30  # characters of an option; longer ones take a line of their own


class GroupedCommand(TyperCommand):
    """A command whose help shows its options by heading."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write each heading and its options."""
        groups = OPTIONS.get(self.name or "", {})
        found: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        found |= {name: [] for name in (*groups, "Options")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                found[heading(parameter, groups)].append(record)
        widest = max(len(left) for records in found.values() for left, _ in records)
        for name, records in found.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(_aligned(records, widest))


def heading(parameter: Any, groups: dict[str, str]) -> str:  # noqa: ANN401
    """Give the heading that a parameter stands under."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    for name, parameters in groups.items():
        if parameter.name in parameters.split():
            return name
    return "Options"


def _aligned(records: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Let the second column begin at one place under all headings."""
    return [(left.ljust(min(width, WIDEST)), right) for left, right in records]
