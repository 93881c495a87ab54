"""Help: short lines, every option explained, grouped by what a user is doing."""

import pytest
import typer
from running import gspy

from gspy_cli.cli import app
from gspy_cli.cli.layout import COMMANDS, OPTIONS

NAMES = [name for names in COMMANDS.values() for name in names]
PAGES = [
    *([name] for name in NAMES),
    *(["models", name] for name in ("list", "show", "add", "remove")),
    ["data", "get"],
]


def command(*names: str):
    found = typer.main.get_command(app)
    for name in names:
        found = found.get_command(None, name)
    return found


def test_commands_are_listed_by_what_a_user_is_doing():
    code, out, _ = gspy("--help")
    assert code == 0
    places = [out.index(f"\n{heading}:") for heading in COMMANDS]
    assert places == sorted(places)
    for name in NAMES:
        line = next(x for x in out.splitlines() if x.startswith(f"  {name} "))
        assert line.endswith("."), line
        assert not line.endswith("..."), line


@pytest.mark.parametrize("names", PAGES, ids=" ".join)
def test_a_page_has_an_example_and_says_what_each_option_does(names):
    code, out, _ = gspy(*names, "--help")
    assert code == 0
    assert f"Example: gspy {' '.join(names[:1])}" in out
    assert max(map(len, out.splitlines())) <= 100
    for parameter in command(*names).params:
        assert parameter.help or parameter.param_type_name == "argument", parameter


@pytest.mark.parametrize("name", OPTIONS)
def test_options_stand_under_headings_and_none_is_named_that_is_not_there(name):
    grouped = [o for names in OPTIONS[name].values() for o in names.split()]
    there = {parameter.name for parameter in command(name).params}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= there
    out = gspy(name, "--help")[1]
    assert all(f"\n{heading}:\n" in out for heading in OPTIONS[name])


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["clasify"], "Did you mean 'classify'?"),
        (["models", "efficientnet"], "did you mean 'efficientnet_lite0'?"),
        (["simulate", "-o", "x", "--classes", "blipp"], "did you mean 'Blip'?"),
        (["train", "--arch", "mobilnet_v2"], "did you mean 'mobilenet_v2'?"),
        (["data", "get", "gravityspy"], "gravity-spy"),
    ],
)
def test_a_name_spelled_wrong_is_met_with_the_right_one(arguments, remedy, figures):
    extra = ["--data", figures.parent] if arguments[0] == "train" else []
    code, out, err = gspy(*arguments, *extra)
    assert (code, out) == (2, "")
    assert remedy in err


def test_the_models_are_listed_for_who_asks_for_a_list():
    assert gspy("models", "list") == gspy("models")
