"""Arrays reach the backend with the values that they had, however they lie in memory."""

import keras
import numpy as np
import pytest

from kerasmetricloss.pipelines.inference.arrays import copy, empty, uncopied

VALUES = np.arange(2 * 3 * 4 * 2, dtype="float32").reshape(2, 3, 4, 2)


@pytest.mark.parametrize(
    "part",
    [VALUES, VALUES[::-1], VALUES[:, ::2, 1:], VALUES.astype("int16"), np.broadcast_to(VALUES[:1], (2, 3, 4, 2))],
    ids=["plain", "backwards", "a part", "of another type", "one row again"],
)
def test_a_copy_has_the_values_whatever_the_order_in_memory(part):
    out = empty((3, *part.shape))[1]
    copy(out, part)
    np.testing.assert_array_equal(out, part)


def test_arrays_that_must_not_be_written_are_copied():
    frozen = VALUES.copy()
    frozen.flags.writeable = False
    out = empty((1, *frozen.shape))[0]
    copy(out, frozen)
    np.testing.assert_array_equal(out, frozen)


def test_what_the_backend_takes_has_the_values():
    batch = empty((2, 3, 4, 2))
    batch[...] = VALUES
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(uncopied(batch))), VALUES)
