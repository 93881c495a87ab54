"""What volunteers call a glitch, and the class that it counts as."""

import pytest

from gspy_cli.labels import CLASSES, class_of


def test_capitals_and_what_parts_words_do_not_matter_whichever_the_class_has():
    assert class_of("My_Blip", ["My Blip"]) == "My Blip"
    assert class_of("My-Blip", ["myblip"]) == "myblip"
    assert class_of("My  Blip", ["Blip"]) == "My  Blip"
    assert class_of("Crown", ["crown", "Fast_Scattering"]) == "crown"


def test_classes_that_differ_in_capitals_alone_are_two():
    assert class_of("blip", ["blip", "Blip"]) == "blip"
    assert class_of("Blip", ["blip", "Blip"]) == "Blip"


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
        ("koi_fish", "Koi_Fish"),
        ("KOIFISH", "Koi_Fish"),
        ("1080 Lines", "1080Lines"),
        ("Low-Frequency Burst", "Low_Frequency_Burst"),
        ("None of the Above", "None_of_the_Above"),
        ("Blip", "Blip"),
        ("cats", "cats"),
    ],
)
def test_a_volunteers_name_counts_as_a_class_unless_it_is_one(name, label):
    assert class_of(name, CLASSES) == label
    assert class_of(name, [*CLASSES, name]) == name
