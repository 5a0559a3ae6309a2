"""Grey and italic, as the paper's tables use them."""

import doctest

import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.statistics import marking
from kerasmetricloss.statistics.marking import direction, mark


def marks(means, p, **settings):
    names = list("abcde")[: len(means)]
    table = pd.DataFrame(p, index=names, columns=names, dtype=float)
    return list(mark(pd.Series(means, index=names, dtype=float), table, **settings))


def test_docstring_examples_hold():
    assert doctest.testmod(marking).failed == 0


def test_grey_is_not_inferior_to_the_best_and_italic_is_inferior_to_all():
    p = [[1, 0.9, 0.9], [0.01, 1, 0.6], [0.01, 0.4, 1]]  # b and c beat a; b and c do not differ
    assert marks([0.5, 0.7, 0.71], p) == ["italic", "grey", "grey"]


def test_between_best_and_worst_there_is_no_mark():
    p = [[1, 0.9, 0.9], [0.2, 1, 0.99], [0.01, 0.01, 1]]  # c beats both; b does not beat a
    assert marks([0.5, 0.6, 0.7], p) == ["", "", "grey"]


def test_of_two_losses_grey_must_be_earned():
    assert marks([0.6, 0.7], [[1, 0.8], [0.2, 1]]) == ["", ""]
    assert marks([0.6, 0.7], [[1, 0.99], [0.01, 1]]) == ["italic", "grey"]


def test_of_three_equal_losses_all_are_top_ranked():
    assert marks([0.5, 0.5, 0.5], np.full((3, 3), 0.5)) == ["grey"] * 3


def test_one_loss_has_no_mark():
    assert marks([0.5], [[np.nan]]) == [""]


def test_the_level_itself_is_not_significant():
    assert marks([0.6, 0.7], [[1, 0.95], [0.05, 1]]) == ["", ""]
    assert marks([0.6, 0.7], [[1, 0.95], [0.05, 1]], alpha=0.051) == ["italic", "grey"]


def test_without_a_test_there_is_no_mark():
    assert marks([0.1, 0.5, 0.9], np.full((3, 3), np.nan)) == [""] * 3
    assert marks([0.1, 0.9], np.full((2, 2), np.nan)) == ["", ""]


def test_a_loss_never_set_against_the_best_is_not_top_ranked():
    p = [[1, 0.99, 0.01], [0.01, 1, np.nan], [0.99, np.nan, 1]]  # b beats a, a beats c; b and c share no case
    assert marks([0.6, 0.8, 0.25], p) == ["", "grey", ""]


def test_a_best_mean_that_comes_of_missing_cases_is_not_top_ranked():
    # Lower is better. b lacks its hardest cases: its mean is the lowest, yet a beats it on the cases that both have.
    p = [[1, 0.0, 0.0], [1, 1, 0.01], [1, 0.99, 1]]
    assert marks([19.5, 12.7, 25.0], p, lower=True) == ["grey", "", "italic"]


def test_a_loss_without_a_mean_is_left_out():
    p = [[1, 0.99, np.nan], [0.01, 1, np.nan], [np.nan] * 3]
    assert marks([0.6, 0.7, np.nan], p) == ["italic", "grey", ""]


def test_best_follows_the_direction():
    p = [[1, 0.01, 0.01], [0.9, 1, 0.4], [0.9, 0.4, 1]]  # a is better than both
    assert marks([3.0, 9.0, 8.0], p, lower=True) == ["grey", "", ""]


@pytest.mark.parametrize(
    "metric",
    [
        *("hausdorff_mm", "avd_ml", "hd95_mm", "HD95", "hausdorff95_mm", "assd_mm", "dice_loss", "jaccard_distance"),
        *(
            "hamming_distance",
            "dice_difference",
            "dice_dissimilarity",
            "brier_score",
            "dice_std",
            "surface_distance_mm",
        ),
    ],
)
def test_distances_and_volume_differences_are_better_low(metric):
    assert direction(metric) == "lower"


@pytest.mark.parametrize(
    "metric",
    ["dice", "jaccard", "accuracy", "F0.5", "F2.0", "nsd_2mm", "surface_dice_1_mm", "normalised_surface_distance"],
)
def test_similarities_are_better_high(metric):
    assert direction(metric) == "higher"


@pytest.mark.parametrize("metric", ["FN", "FP", "FNR", "FPR", "RVD", "RAVD", "MSD", "MAE", "BCE", "ECE", "VolumeError"])
def test_counts_of_errors_are_better_low(metric):
    assert direction(metric) == "lower"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("HausdorffDistance", "lower"),
        ("AbsoluteVolumeDifference", "lower"),
        ("NormalizedSurfaceDistance", "higher"),
        ("DiceScore", "higher"),
        ("dice-loss", "lower"),
        ("HD 95", "lower"),
        ("hd-95", "lower"),
        ("false_positive_rate", "lower"),
        ("normalized_surface_distance_loss", "lower"),
        ("lesion_volume_ml", None),
        ("mAP", None),
    ],
)
def test_names_as_people_write_them(metric, expected):
    assert direction(metric) == expected
