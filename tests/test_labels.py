"""What volunteers call a glitch, and the class that it counts as."""

import pytest

from gspy_cli.labels import CLASSES, class_of


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
        ("Blip", "Blip"),
        ("cats", "cats"),
    ],
)
def test_a_volunteers_name_counts_as_a_class_unless_it_is_one(name, label):
    assert class_of(name, CLASSES) == label
    assert class_of(name, [*CLASSES, name]) == name
