"""What volunteers call a glitch, and the class that it counts as."""

import pytest

from gspy_cli.labels import CLASSES, class_of


def test_spaces_stand_for_underscores_whichever_the_class_has():
    assert class_of("My_Blip", ["My Blip"]) == "My Blip"
    assert class_of("My  Blip", ["Blip"]) == "My  Blip"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("70HZLINE", "None_of_the_Above"),
        ("70HzLine", "None_of_the_Above"),
        ("HighFreqBurst", "None_of_the_Above"),
        ("High_Frequency_Burst", "None_of_the_Above"),
        ("Pizzicato", "None_of_the_Above"),
        ("Crown", "Fast_Scattering"),
        ("CROWN", "Fast_Scattering"),
        ("Crown ", "Fast_Scattering"),
        ("Koi Fish", "Koi_Fish"),
        ("None of the Above", "None_of_the_Above"),
        ("Blip", "Blip"),
        ("cats", "cats"),
    ],
)
def test_a_volunteers_name_counts_as_a_class_unless_it_is_one(name, label):
    assert class_of(name, CLASSES) == label
    assert class_of(name, [*CLASSES, name]) == name
