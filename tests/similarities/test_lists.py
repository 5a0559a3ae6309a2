"""Lists are checked as NumPy arrays are, and a NaN in the truth is called what it is."""

import numpy as np
import pytest
from keras import ops

from kerasmetricloss.losses import SoftDice
from kerasmetricloss.similarities.values import as_array

P = np.random.default_rng(0).random((3, 4, 4, 1)).astype("float32")
Y = (P > 0.4).astype("float32")


def test_lists_are_read_as_arrays():
    assert float(SoftDice()(Y.tolist(), P.tolist(), [1.0, 2.0, 0.0])) == float(SoftDice()(Y, P, np.float32([1, 2, 0])))


def test_masks_of_255_and_negative_weights_are_refused_in_lists():
    with pytest.raises(ValueError, match="holds 255: expected masks of 0 and 1"):
        SoftDice()((Y * 255).tolist(), P.tolist())
    with pytest.raises(ValueError, match="holds -2: expected finite weights"):
        SoftDice()(Y, P, [1.0, -2.0, 0.0])


def test_a_truth_of_nan_is_not_advised_away():
    with pytest.raises(ValueError, match="holds nan: expected a truth without NaN"):
        SoftDice()(Y * np.nan, P)


def test_lists_of_tensors_are_left_to_the_backend():
    # As inside a compiled step, where a tensor has no values to look at.
    weight = [ops.convert_to_tensor(1.0), ops.convert_to_tensor(2.0), ops.convert_to_tensor(0.0)]
    assert as_array(weight) is weight
    assert float(SoftDice()(Y, P, weight)) == float(SoftDice()(Y, P, np.float32([1, 2, 0])))
