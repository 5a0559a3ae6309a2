"""The flow chart of Appendix A: its numbers are the paper's, and they add up."""

import io

from PIL import Image

from kerasmetricloss.reports.theory_figures import LITERATURE, literature_flow


def test_the_numbers_are_those_of_the_appendix():
    numbers = {name: number for name, (number, _) in LITERATURE.items()}
    assert [numbers[name] for name in ("all", "segmentation", "scored", "sensitive", "cross-entropy")] == [
        372,
        103,
        96,
        28,
        38,
    ]
    # "the rest have used a variety of other losses"; "68 out of 96" in the introduction is the rest and cross-entropy
    assert numbers["other"] == 96 - 28 - 38
    assert numbers["cross-entropy"] + numbers["other"] == 68


def test_the_chart_is_a_picture_wider_than_tall():
    picture = Image.open(io.BytesIO(literature_flow()))
    assert picture.format == "PNG"
    assert picture.width > picture.height
