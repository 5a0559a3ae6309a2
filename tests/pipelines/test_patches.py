import numpy as np
import pytest
from keras import ops

from kerasmetricloss.pipelines import Patches
from kerasmetricloss.pipelines.geometry import crop_or_fill
from kerasmetricloss.pipelines.patches import cut, cut_on_device, slack_of


def test_deepmedic_takes_63_voxels_for_15():
    assert Patches(output_size=(15, 15, 15), margin=24).input_size == (63, 63, 63)


def test_a_volume_smaller_than_a_patch_is_filled_as_a_box_is():
    volume = np.arange(1, 7).reshape(2, 3, 1)
    np.testing.assert_array_equal(cut(volume, np.array([[-2, -2]]), (5, 6))[0], crop_or_fill(volume, (5, 6)))


def test_an_epoch_opens_every_case_in_groups():
    patches = Patches(output_size=(4, 4), volumes=4, repeats=3)
    assert [patches.steps(cases) for cases in (1, 4, 5, 8, 9)] == [3, 3, 6, 6, 9]


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_cut_on_the_device_is_that_on_the_host(dtype):
    random = np.random.default_rng(0)
    volumes = (random.random((2, 5, 4, 6, 3)) * 9).astype(dtype)
    which = np.array([1, 0, 1, 1], "int32")
    # Inside, over a border, over the opposite one, and outside altogether.
    starts = np.array([[1, 1, 2], [-2, 0, -1], [3, 2, 4], [9, 0, 0]], "int32")
    expected = np.concatenate([cut(volumes[w], s[None], (3, 2, 4)) for w, s in zip(which, starts, strict=True)])
    boxes = ops.convert_to_numpy(cut_on_device(volumes, which, starts, (3, 2, 4)))
    assert boxes.dtype == dtype
    np.testing.assert_array_equal(boxes, expected)
    assert not boxes[3].any()


def test_slack_is_half_of_what_the_diagonal_is_longer():
    # sqrt(30^2 + 40^2) = 50: 10 and 5 on each side, and 1 for the fraction of a shift.
    assert slack_of((30, 40, 7), rotates=(True, True, False), moves=True) == (11, 6, 1)
    assert slack_of((30, 40, 7), rotates=(False,) * 3, moves=False) == (0, 0, 0)
    assert slack_of((30, 40, 7), rotates=(True, True, False), moves=True, voxel_mm=(0.7, 0.7, 5.0)) == (11, 6, 1)
    # 30 x 20 voxels of 1 x 2 mm are 30 x 40 mm, 50 mm across: 50 and 25 voxels.
    assert slack_of((30, 20), rotates=(True, True), moves=True, voxel_mm=(1.0, 2.0)) == (11, 4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"output_size": (3,)}, "2 or 3 whole numbers"),
        ({"margin": -1}, "cannot be negative"),
        ({"foreground": 1.5}, "between 0 and 1"),
        ({"volumes": 0}, "at least 1"),
        ({"repeats": 0}, "at least 1"),
    ],
)
def test_patches_that_cannot_be_are_an_error(setting, message):
    with pytest.raises(ValueError, match=message):
        Patches(**{"output_size": (3, 4), **setting})
