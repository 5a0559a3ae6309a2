"""Patterns and settings of the readers that cannot be: each is refused before a file is decoded, with its mend."""

import shutil

import pytest

from kerasmetricloss.datasets import DataError, open_dataset

FOLDER = {"images": ("{id}/adc.nii", "{id}/dwi.nii"), "truth": ("{id}/msk.nii",)}


PATTERNS = {
    "no images": ({"images": ()}, "no pattern for the images is given"),
    "no truth": ({"truth": ()}, "no pattern for the truth is given"),
    "matches nothing": ({"images": ("*/t2.nii",)}, r"no file matches '\*/t2\.nii'; patterns start at that folder"),
    "above the root": ({"truth": ("../*/msk.nii",)}, "is no pattern of files below this folder"),
    "absolute": ({"truth": ("/etc/*",)}, "is no pattern of files below this folder"),
    "unknown name": ({"truth": ("{case}/msk.nii",)}, "is no pattern of files below this folder"),
    "too many labels": ({"labels": ("a", "b")}, "2 labels are named for 1 patterns of truth"),
    "too few channels": ({"channels": ("adc",)}, "the channels are adc for 2 patterns"),
    "label without values": (
        {"labels": ("b",), "values": {"a": (1,)}},
        "no values say what the label b is; add b=NUMBER",
    ),
    "values for two truths": (
        {"truth": ("{id}/msk.nii", "{id}/dwi.nii"), "values": {"a": (1,)}},
        "numbers of labels are for one file of truth",
    ),
    "mask of another channel": ({"mask": "T1>3"}, "the mask's T1 is no channel; known are adc, dwi"),
}


@pytest.mark.parametrize("fault", PATTERNS)
def test_patterns_and_settings_that_cannot_be_are_refused(build, fault, refused):
    settings, message = PATTERNS[fault]
    refused("folder", build("folder"), message, case=None, file="", **{**FOLDER, **settings})


def test_two_files_of_one_id_are_refused(build, refused):
    root = build("folder")
    for folder in list(root.iterdir()):
        shutil.copy(folder / "adc.nii", folder / "adc2.nii")
    message = "are both case a 2; tell them apart"
    refused("folder", root, message, case="a 2", file="", **{**FOLDER, "images": ("{id}/adc*.nii",)})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("wm17", {"mask": "T1 above 3"}, "'T1 above 3' is no rule for the mask; write CHANNEL>NUMBER"),
        ("wm17", {"mask": "T2>3"}, "wm17 has no channel T2; known are FLAIR, T1"),
        ("wm17", {"channels": ("T1", "t1")}, "a name is there twice"),
        ("is17", {"labels": ("core",)}, "is17 has no label core; known are infarct"),
        ("wm17", {"fill": float("nan")}, r"fill is nan, expected a finite number; .*--fill 0"),
        ("folder", {**FOLDER, "fill": float("inf")}, "fill is inf, expected a finite number"),
        ("is18", {"roi": (3, 3)}, "the reader of is18 has no setting 'roi'; it has mask, fill"),
    ],
)
def test_settings_that_a_reader_does_not_have_are_refused(build, name, settings, message):
    with pytest.raises(DataError, match=message):
        open_dataset(name, build(name), **settings)


@pytest.mark.parametrize(("name", "below"), [("is17", "training"), ("is18", "TRAINING"), ("wm17", "Utrecht")])
def test_a_folder_above_is_named_and_one_below_is_read(build, name, below):
    root = build(name)
    assert open_dataset(name, root / below)
    if name != "wm17":
        with pytest.raises(DataError) as error:
            open_dataset(name, root.parent)
        assert error.value.mend == f"name {root} instead"


# Radiographs with charts of label numbers.


def test_a_chart_without_the_object_is_refused_and_the_error_names_the_setting(charts, refused):
    message = r"the label 38 is absent, so there is no object to cut around; skip such cases \(absent=\"skip\""
    refused("mo17", charts, message, case="2", file="labels/2.png", label=38)


def test_charts_are_not_read_without_a_number(charts, refused):
    message = r"the folder holds charts of label numbers; say which number is the object: label=38 \(--label 38\)"
    refused("mo17", charts, message, case=None, file="labels")


def test_a_label_that_no_chart_has_is_refused(charts, refused):
    refused("mo17", charts, "no case has the label 18", case=None, file="", label=18, absent="skip")


def test_numbers_saved_as_jpeg_are_refused(charts, add_chart, refused):
    (charts / "labels" / "1.png").unlink()
    add_chart(charts, "1", form="JPEG")
    refused("mo17", charts, "label numbers do not survive JPEG", case="1", file="labels/1.jpg", label=38)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unsqueeze": (0, 5)}, r"unsqueeze is \(0, 5\); expected \(width, height\)"),
        ({"roi": (5,)}, r"roi is \(5,\)"),
        ({"roi": (10**6, 10**6)}, r"roi is \(1000000, 1000000\); .* at most 2\*\*28 pixels"),
        ({"roi": None, "unsqueeze": (10**6, 10**6)}, r"unsqueeze is \(1000000, 1000000\); .* at most 2\*\*28 pixels"),
        ({"absent": "drop"}, "absent is 'drop'; expected error or skip"),
    ],
)
def test_settings_of_radiographs_out_of_range_are_refused(charts, settings, message):
    with pytest.raises(DataError, match=message):
        open_dataset("mo17", charts, **settings)
