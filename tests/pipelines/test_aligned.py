import numpy as np
import pytest

from kerasmetricloss.pipelines import Augmentation, Patches, aligned
from kerasmetricloss.pipelines.batches import Stream
from kerasmetricloss.pipelines.patch_stream import PatchStream
from kerasmetricloss.pipelines.patches import cut


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, bool])
@pytest.mark.parametrize("shape", [(), (0, 4), (7,), (3, 5, 2)])
def test_memory_begins_at_a_multiple_of_64_bytes(shape, dtype):
    arrays = [aligned.empty(shape, dtype) for _ in range(5)]
    assert all(array.ctypes.data % 64 == 0 for array in arrays if array.size)
    assert all(array.shape == shape and array.dtype == dtype and array.flags.c_contiguous for array in arrays)


def test_stack_is_that_of_numpy():
    arrays = [np.full((2, 3), value, np.uint8) for value in (1, 2, 3)]
    found = aligned.stack(arrays)
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.stack(arrays))


@pytest.mark.parametrize("kind", ["images", "patches"])
def test_batches_lie_where_tensorflow_takes_them_as_they_are(make_prepared, kind):
    prepared = make_prepared(3, (20, 22, 18), channels=1, labels=1)
    common = {"shift": np.zeros(1), "scale": np.ones(1), "batch": 2, "augmentation": Augmentation()}
    patches = Patches(output_size=(5, 5, 5), margin=2, volumes=2)
    stream = Stream(prepared=prepared, **common)
    stream = stream if kind == "images" else PatchStream(prepared=prepared, patches=patches, **common)
    for step in range(4):
        batch = stream.raw(step)
        assert all(batch[name].ctypes.data % 64 == 0 for name in ("image", "truth", "mask"))


def test_boxes_are_cut_into_memory_that_holds_something_else():
    array, starts = np.arange(1, 6)[:, None], np.array([[-1], [1], [4], [9]])
    out = np.full((4, 3, 1), 77)
    assert cut(array, starts, (3,), out=out) is out
    assert out[..., 0].tolist() == [[0, 1, 2], [2, 3, 4], [5, 0, 0], [0, 0, 0]]
