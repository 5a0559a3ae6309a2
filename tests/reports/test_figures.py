"""Figures: they draw what they are given, also at the edges, and repeat byte for byte."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.reports import build_report
from kerasmetricloss.reports.canvas import page_width
from kerasmetricloss.reports.figures import box_plots, learning_curves, size_curves, table_picture
from kerasmetricloss.reports.slices import example_slices
from kerasmetricloss.reports.style import PREDICTION, TRUTH, loss_lines
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.statistics import size_curve

from .conftest import rows, write


def pixels(png):
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


def has(image, color, *, least=1):
    wanted = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return int((np.abs(image - wanted).max(axis=-1) < 0.03).sum()) >= least


def frame(losses, cases=9):
    return pd.DataFrame(np.random.default_rng(0).uniform(size=(cases, len(losses))), columns=losses)


def test_box_plots_repeat_byte_for_byte():
    scores = {"PO18": {"Dice": frame(["CE", "sDice"]), "Jaccard": frame(["CE", "sDice"])}}
    assert box_plots(scores) == box_plots(scores)


def test_box_plots_hold_one_case_many_cases_and_none():
    data = frame(["CE", "sDice", "mine"], cases=500)
    data.loc[1:, "CE"] = np.nan
    data["sDice"] = np.nan
    assert page_width(box_plots({"PO18": {"Dice": data}})) > 400


def test_box_plots_have_room_for_counts_beside_the_means():
    data = {"PO18": {"HDD": frame(["CE", "sDice"])}}
    plain, counted = pixels(box_plots(data)), pixels(box_plots(data, counted=["HDD"]))
    assert counted.shape[1] > plain.shape[1]
    assert counted[:, -8:].min() == 1  # a white margin at the right: nothing is cut


def test_size_curves_split_many_losses_into_panels():
    losses = ["CE", *(f"sTversky-0.{k}/0.{10 - k}" for k in range(1, 10))]
    sizes = pd.Series(np.geomspace(1, 1000, 40))
    few = pixels(size_curves(size_curve(sizes, frame(losses[:3], 40)), metric="Dice", size="voxels"))
    many = pixels(size_curves(size_curve(sizes, frame(losses, 40)), metric="Dice", size="voxels"))
    assert many.shape[1] > few.shape[1]


def test_size_curves_hold_a_single_case_and_size_zero():
    assert size_curves(size_curve(pd.Series([0.0]), frame(["CE"], 1)), metric="Dice", size="voxels")


@pytest.mark.parametrize("color", [True, False])
def test_example_slices_show_both_outlines(color):
    y, x = np.mgrid[:30, :41]
    disc = np.hypot(y - 14, x - 20)
    image = np.repeat((disc / 40)[..., None], 3, axis=-1) if color else disc / 40
    png = example_slices(image, disc < 9, {"CE": (disc < 6) * 1.0}, dice={"CE": 0.6})
    assert has(pixels(png), TRUTH)
    assert has(pixels(png), PREDICTION)


def test_example_slices_hold_empty_and_full_masks():
    image = np.zeros((8, 13))
    outputs = {"CE": np.zeros((8, 13)), "sTversky-0.75/0.75": np.ones((8, 13)), "sDice": np.full((8, 13), 0.005)}
    for truth in (np.zeros((8, 13), bool), np.ones((8, 13), bool)):
        assert example_slices(image, truth, outputs, dice={})


def test_example_slices_without_predictions_show_the_image():
    assert example_slices(np.zeros((8, 13)), np.zeros((8, 13), bool), {}, dice={})


def test_an_object_at_the_border_keeps_its_outline():
    truth = np.zeros((20, 31), bool)
    truth[:, :10] = True
    assert has(pixels(example_slices(np.ones((20, 31)), truth, {}, dice={})), TRUTH)


def test_learning_curves_hold_one_epoch():
    row = {"loss": "CE", "fold": 0, "phase": "post-training", "epoch": 0, "metric": "val_loss", "value": 0.5}
    assert learning_curves(pd.DataFrame([row]))


def test_table_picture_shades_grey_cells():
    table = Table("Dice", ("CE", "sDice"), (Row("Dice", "PO18", (Cell("0.1", "italic"), Cell("0.2", "grey"))),))
    assert has(pixels(table_picture(table, key="k")), "#d9dde2", least=2000)
    plain = Table("Dice", ("CE",), (Row("", "PO18", (Cell("0.1"),)),))
    assert not has(pixels(table_picture(plain, key="k")), "#d9dde2", least=2000)


def test_words_longer_than_a_narrow_table_are_not_cut():
    rows = (Row("Dice", "sDice", (Cell("0.1"), Cell("0.2"))),)
    said = {"caption": "Mean over left-out cases: Dice, Jaccard", "groups": ("CE-based", "Metric-sensitive")}
    table = Table(columns=("CE", "sDice"), rows=rows, **said)
    picture = pixels(table_picture(table, key="Grey: better than the other. Italic: worse. One-sided p < 0.05."))
    assert picture[:, -8:].min() == 1  # a white margin at the right


def test_signs_the_font_lacks_do_not_stop_a_figure():
    assert table_picture(Table("症例", ("CE",), (Row("", "患者", (Cell("0.1"),)),)), key="k")


def test_no_two_losses_of_table_two_look_alike():
    lines = loss_lines(["CE", "wCE", "sDice", "sJaccard", "Lovasz", "mine", "yours"]).values()
    assert len({line.color for line in lines}) == len({line.marker for line in lines}) == 7


def test_losses_of_table_two_differ_in_grey_print_or_in_dash():
    def grey(color):
        red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    lines = list(loss_lines(["CE", "wCE", "sDice", "sJaccard", "Lovasz"]).values())
    for index, one in enumerate(lines):
        for other in lines[index + 1 :]:
            assert abs(grey(one.color) - grey(other.color)) > 12 or one.dash != other.dash


def test_many_losses_of_ones_own_look_different():
    lines = loss_lines([f"mine{k}" for k in range(12)])
    assert len({(line.color, line.marker, line.dash) for line in lines.values()}) == 12


def test_data_sets_of_like_names_have_files_of_their_own(tmp_path):
    sizes = ("dice", "foreground_voxels")
    table = [row for name in ("a b", "a-b") for row in rows(["CE", "sDice"], metrics=sizes, dataset=name)]
    build_report(write(tmp_path, table), resamples=100)
    assert len(list((tmp_path / "figures").glob("*-sizes-*.png"))) == 2
