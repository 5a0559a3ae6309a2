import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmetricloss.pipelines.motion import FRACTION, move, source_motion

STILL = {"angles": (0, 0, 0), "mirror_axis": None}


def moved(image, *, in_plane=False, **motion):
    """Move one image of shape (*space, channels)."""
    settings = {**STILL, "translation": (0,) * (image.ndim - 1), "dimension": image.ndim - 1, **motion}
    a, b = source_motion(**settings)
    return ops.convert_to_numpy(move(image[None].astype("float32"), a[None], b[None], in_plane=in_plane))[0]


def random_image(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_standing_still_changes_nothing():
    x = random_image(5, 4, 3, 2)
    np.testing.assert_array_equal(moved(x), x)
    np.testing.assert_array_equal(moved(x, in_plane=True), x)


def test_a_whole_shift_moves_voxels_and_fills_zeros():
    x = random_image(5, 7, 2)
    expected = np.zeros_like(x)
    expected[2:, :-1] = x[:-2, 1:]
    np.testing.assert_array_equal(moved(x, translation=(2, -1)), expected)


@pytest.mark.parametrize("in_plane", [False, True])
def test_half_a_shift_along_the_last_axis_averages_two_voxels(in_plane):
    x = random_image(3, 2, 4, 1)
    y = moved(x, translation=(0, 0, 0.5), in_plane=in_plane)
    np.testing.assert_allclose(y[:, :, 1:], (x[:, :, 1:] + x[:, :, :-1]) / 2, atol=1e-6)
    np.testing.assert_allclose(y[:, :, 0], x[:, :, 0] / 2, atol=1e-6)  # half of it comes from outside: 0


def test_a_quarter_turn_is_rot90():
    x = random_image(5, 5, 2)
    np.testing.assert_array_equal(moved(x, angles=(0, 0, np.pi / 2)), np.rot90(x))


@pytest.mark.parametrize(("axis", "plane"), [(0, (1, 2)), (1, (0, 2)), (2, (0, 1))])
def test_a_quarter_turn_of_a_volume_about_each_axis_is_rot90_in_the_other_two(axis, plane):
    x = random_image(4, 4, 4, 2)
    angles = np.zeros(3)
    angles[axis] = np.pi / 2
    np.testing.assert_array_equal(moved(x, angles=angles), np.rot90(x, axes=plane))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirror_is_flip(axis):
    x = random_image(3, 4, 6, 2)
    np.testing.assert_array_equal(moved(x, mirror_axis=axis), np.flip(x, axis))


def test_mirror_comes_before_rotation_and_rotation_before_translation():
    x = random_image(5, 5, 1)
    expected = np.zeros_like(x)
    expected[1:] = np.rot90(np.flip(x, 1))[:-1]
    y = moved(x, mirror_axis=1, angles=(0, 0, np.pi / 2), translation=(1, 0))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("size", [(9, 6), (6, 7, 5)])
def test_equals_scipy(size):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = random_image(*size, 1)
    motion = {"angles": (0.3, -0.5, 0.8), "translation": (1.3, -0.6, 0.7)[: len(size)], "mirror_axis": 0}
    a, b = source_motion(**motion, dimension=len(size))
    centre = (np.array(size) - 1) / 2
    expected = ndimage.affine_transform(x[..., 0], a, centre + b - a @ centre, order=1, mode="grid-constant")
    np.testing.assert_allclose(moved(x, **motion)[..., 0], expected, atol=2e-6)


@given(st.floats(-3, 3), st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.booleans())
@settings(max_examples=15, deadline=None)
def test_the_fast_way_within_a_plane_equals_the_general_one(angle, translation, mirrored):
    motion = {"angles": (0, 0, angle), "translation": translation, "mirror_axis": 0 if mirrored else None}
    x = random_image(5, 4, 6, 2)
    np.testing.assert_allclose(moved(x, in_plane=True, **motion), moved(x, **motion), atol=2e-6)


@pytest.mark.parametrize("margin", [1, 3])
def test_a_box_inside_another_about_the_same_centre_moves_alike(margin):
    inner = random_image(7, 5, 2)
    outer = np.pad(inner, ((margin, margin), (margin, margin), (0, 0)))
    motion = {"angles": (0, 0, 0.7), "translation": (0.4, -1.2)}
    cut = moved(outer, **motion)[margin:-margin, margin:-margin]
    np.testing.assert_allclose(cut, moved(inner, **motion), atol=1e-6)


def test_a_batch_moves_each_image_its_own_way():
    x = random_image(2, 4, 5, 3)
    motions = [source_motion(**STILL | {"translation": t}, dimension=2) for t in ((1, 0), (0, -2))]
    together = ops.convert_to_numpy(move(x, *(np.stack(part) for part in zip(*motions, strict=True))))
    np.testing.assert_array_equal(together[0], moved(x[0], translation=(1, 0)))
    np.testing.assert_array_equal(together[1], moved(x[1], translation=(0, -2)))


def test_far_outside_is_zero():
    assert not moved(random_image(3, 4, 1), translation=(1e6, -1e8)).any()


@given(st.lists(st.floats(-7, 7), min_size=3, max_size=3), st.lists(st.floats(-30, 30), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_positions_are_fractions_that_float32_holds_exactly(angles, translation):
    for part in source_motion(angles=angles, translation=translation, mirror_axis=None, dimension=3):
        assert np.array_equal(part * FRACTION, np.round(part.astype("float64") * FRACTION))


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("wanted", [(4, 9, 6), (5, 6, 5)])
def test_another_size_is_cut_about_the_centre_as_scipy_does(wanted, nearest):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = random_image(6, 7, 5, 1)
    a, b = source_motion(angles=(0, 0, 0.8), translation=(1.3, -0.6, 0.7), mirror_axis=1, dimension=3)
    offset = (np.array(x.shape[:-1]) - 1) / 2 + b - a @ ((np.array(wanted) - 1) / 2)
    mode = {"order": 0, "mode": "constant"} if nearest else {"order": 1, "mode": "grid-constant"}
    expected = ndimage.affine_transform(x[..., 0], a, offset, output_shape=wanted, **mode)
    for in_plane in (False, True):
        found = ops.convert_to_numpy(move(x[None], a[None], b[None], in_plane=in_plane, nearest=nearest, size=wanted))
        if nearest:  # SciPy's order 0 leaves out what lies within half a voxel beyond the outermost centres.
            found = np.where(expected == 0, 0, found[0, ..., 0])[None, ..., None]
        np.testing.assert_allclose(found[0, ..., 0], expected, atol=2e-6)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_a_turn_of_long_voxels_keeps_every_length_in_mm(angles, mirror_axis):
    voxel_mm = np.array([0.8, 1.0, 6.0])
    motion = {"angles": angles, "translation": (0, 0, 0), "mirror_axis": mirror_axis, "dimension": 3}
    a, _ = source_motion(**motion, voxel_mm=voxel_mm)
    in_mm = np.diag(voxel_mm) @ a @ np.diag(1 / voxel_mm)
    # Rounding to 2**-14 of a voxel, here of up to 6 / 0.8 times the length.
    np.testing.assert_allclose(in_mm @ in_mm.T, np.eye(3), atol=2e-3)
    cubes = source_motion(**motion, voxel_mm=(0.3, 0.3, 0.3))
    for part, same in zip(cubes, source_motion(**motion), strict=True):
        np.testing.assert_array_equal(part, same)


def test_a_quarter_turn_of_a_grid_of_long_voxels_is_that_of_the_scene():
    # Pixels of 1 x 3 mm: a scene of 9 x 9 mm has 9 x 3 of them. A bar of 3 x 9 mm lies across, then along.
    across = np.zeros((9, 3, 1), np.float32)
    across[3:6] = 1
    a, b = source_motion(
        angles=(0, 0, np.pi / 2), translation=(0, 0), mirror_axis=None, dimension=2, voxel_mm=(1.0, 3.0)
    )
    along = ops.convert_to_numpy(move(across[None], a[None], b[None], nearest=True))[0]
    expected = np.zeros_like(across)
    expected[:, 1] = 1
    np.testing.assert_array_equal(along, expected)


@pytest.mark.parametrize("voxel_mm", [(1.0, 2.0), (1.0, 2.0, 0.0), (1.0, 1.0, np.nan)])
def test_sizes_of_voxels_that_do_not_fit_are_refused(voxel_mm):
    with pytest.raises(ValueError, match="expected 3 positive sizes"):
        source_motion(**STILL, translation=(0, 0, 0), dimension=3, voxel_mm=voxel_mm)
