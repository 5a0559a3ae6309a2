"""The checker itself: it sees every pair of masks once."""

import math
from collections import Counter

import numpy as np
import pytest

from kerasmetricloss.theory import all_counts, all_mask_pairs, worst_case


@pytest.mark.parametrize("pixels", [1, 2, 5, 12])
def test_counts_are_all_different_and_sum_to_the_pixels(pixels):
    counts = all_counts(pixels)
    assert len(counts) == math.comb(pixels + 3, 3)
    assert len(np.unique(counts, axis=0)) == len(counts)
    assert (counts.sum(axis=1) == pixels).all()
    assert counts.min() == 0


@pytest.mark.parametrize("pixels", [1, 3, 6])
def test_each_row_of_counts_stands_for_a_multinomial_number_of_pairs(pixels):
    pairs = Counter(map(tuple, all_mask_pairs(pixels).tolist()))
    assert sum(pairs.values()) == 4**pixels
    assert set(pairs) == set(map(tuple, all_counts(pixels).tolist()))
    for row, number in pairs.items():
        assert number == math.factorial(pixels) // math.prod(math.factorial(n) for n in row)


def test_a_pair_is_read_off_the_binary_digits():
    # Prediction 0b101 = pixels 0 and 2, truth 0b110 = pixels 1 and 2: tp 1, fp 1, fn 1, tn 0.
    assert all_mask_pairs(3)[0b101 * 8 + 0b110].tolist() == [1, 1, 1, 0]


def test_counts_and_literal_pairs_find_the_same_worst_case():
    def first(tp, fp, fn, tn):
        return (tp + 1) / (tp + fp + 2 * fn + 1)

    def second(tp, fp, fn, tn):
        return (tp + 1) / (tp + 3 * fp + fn + 1)

    short, literal = worst_case(first, second, all_counts(7)), worst_case(first, second, all_mask_pairs(7))
    assert (short.absolute, short.relative) == (literal.absolute, literal.relative)


def test_a_zero_against_a_positive_similarity_has_no_relative_bound():
    worst = worst_case(
        lambda tp, fp, fn, tn: tp, lambda tp, fp, fn, tn: tp + fp, np.array([[1, 0, 0, 0], [0, 1, 0, 0]])
    )
    assert worst.relative == math.inf
    assert worst.at_relative == (0, 1, 0, 0)


def test_sizes_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"pixels is 0"):
        all_counts(0)
    with pytest.raises(ValueError, match=r"pixels is 11.*all_counts"):
        all_mask_pairs(11)
