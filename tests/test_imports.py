"""Modules import only what lies below them, and help stays light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gspy_cli"
HEAVY = {"torch", "torchvision", "onnxruntime", "scipy", "matplotlib", "pandas"}
LEAVES = {
    *("callbacks", "errors", "home", "labels", "results", "viridis", "whole"),
    *("separator", "wording"),
}
MAY_IMPORT = {
    "callbacks": set(),
    "errors": set(),
    "home": set(),
    "labels": set(),
    "results": set(),
    "separator": set(),
    "viridis": set(),
    "whole": set(),
    "wording": set(),
    "metrics": set(),
    "done": set(),
    "device": set(),
    "figure": set(),
    "image": {"figure"},
    "graph": set(),
    "card": set(),
    "model_folder": {"card"},
    "registry": {"model_folder"},
    "session": {"device"},
    "model": {"card", "graph", "model_folder", "registry", "session"},
    "strain": set(),
    "workers": set(),
    "simulate": {"strain", "image", "workers"},
    "training": {
        "card",
        "image",
        "figure",
        "model",
        "model_folder",
        "metrics",
        "device",
        "registry",
        "glitches",
        "workers",
    },
    "samples": {"figure"},
    "sources": {"figure", "samples"},
    "readers": {"image", "workers"},
    "predict": {"figure", "image", "model", "readers", "samples", "workers"},
    "api": {"card", "model", "predict", "samples", "sources"},
    "run_note": set(),
    "journal": {"done", "run_note"},
    "schedulers": set(),
    "cluster": {"predict", "model", "readers", "samples", "schedulers"},
    "strain_samples": {"samples", "strain"},
    "timeshift": {"samples"},
    "explain": {"model"},
    "evaluation": {
        *("card", "figure", "image", "metrics", "model", "model_folder"),
        *("predict", "registry", "samples", "training"),
    },
    "glitches": {"samples"},
    "watching": {"glitches", "samples", "sources"},
    "writers": {"glitches", "image", "journal", "run_note", "samples"},
}


def modules() -> list[Path]:
    return sorted(
        path for path in PACKAGE.rglob("*.py") if "cli" not in path.parts[-2:-1]
    )


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "gspy_cli":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            head, _, rest = node.module.partition(".")
            found |= {rest.partition(".")[0]} if head == "gspy_cli" else set()
    return found - {"__version__"}


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_module_imports_what_the_table_says_lies_below_it(name: str):
    found = set().union(*(imported(p) for p in modules() if unit(p) == name))
    assert found - LEAVES - {name} == MAY_IMPORT[name]


def test_every_module_is_in_the_table():
    found = {unit(path) for path in modules()}
    assert found - {"__init__", "__main__"} == MAY_IMPORT.keys()


def brought_by(*arguments: object) -> set[str]:
    """Run a command in a new process; name all that it has imported after typer."""
    code = (
        "import sys, typer\n"
        "before = set(sys.modules)\n"
        "from gspy_cli.cli import app\n"
        f"app({[str(a) for a in arguments]!r}, standalone_mode=False)\n"
        "print('LOADED:', *set(sys.modules) - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    first, *names = run.stdout.splitlines()[-1].split()
    assert first == "LOADED:"
    return set(names)


@pytest.mark.parametrize("arguments", [["--help"], ["classify", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    heavy = HEAVY | {"numpy", "PIL", "rich", "email", "hashlib", "tempfile"}
    assert brought_by(*arguments) & heavy == set()


def test_classifying_imports_no_torch(figures: Path, tiny_model: Path):
    found = brought_by("classify", figures, "-m", tiny_model)
    assert found & HEAVY == {"onnxruntime"}


def test_evaluating_imports_no_torch(figures: Path, tiny_model: Path, tmp_path: Path):
    (tmp_path / "data").mkdir()
    figures.rename(tmp_path / "data" / "Blip")
    found = brought_by(
        *("evaluate", tiny_model, "--data", tmp_path / "data"),
        *("-o", tmp_path / "report"),
    )
    assert found & HEAVY == {"onnxruntime", "matplotlib"}


@pytest.mark.parametrize(
    "mistake",
    [
        ["train", "--data", "data", "--arch", "resnet18"],
        ["train", "--data", "data", "--weights", "nothing"],
        ["train", "--data", "data", "--folds", "1"],
        ["train", "--resume", "nothing"],
        ["export"],
        ["export", "nothing"],
    ],
)
def test_a_mistake_in_a_name_is_told_before_torch_is_loaded(
    mistake, figures: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    figures.rename(Path("data", "Blip"))
    assert "torch" not in brought_by(*mistake)


def for_types(tree: ast.Module) -> set[ast.AST]:
    blocks = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    typing = (node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING")
    return {inner for node in typing for inner in ast.walk(node)}


@cache
def third_party(path: Path) -> set[str]:
    tree, found = parsed(path), set()
    for node in set(ast.walk(tree)) - for_types(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_only_the_command_line_imports_typer_and_rich():
    guilty = [path.name for path in modules() if third_party(path) & {"typer", "rich"}]
    assert guilty == []


def test_only_training_and_the_choice_of_device_import_torch():
    paths = PACKAGE.rglob("*.py")
    users = {unit(path) for path in paths if "torch" in third_party(path)}
    assert users == {"training", "device"}


def test_a_scan_of_strain_imports_no_scipy():
    found = "import sys, gspy_cli.strain.qtransform; print('scipy' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", found], capture_output=True, text=True
    )
    assert shown.stdout == "False\n", shown.stderr
