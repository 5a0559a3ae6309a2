"""What the scenes of the new phantoms show: the object is where the posterior says, in the channels that show it."""

import numpy as np
import pytest
from scipy import ndimage

from kerasmetricloss.datasets import DataError, load_posterior, open_dataset, write_phantom
from kerasmetricloss.datasets.nifti import read_nifti
from kerasmetricloss.datasets.phantom.grids import ScanGrid, ball


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """``read(name, size)``: (volume, known posterior) of six cases."""

    def cases(name, size):
        root = write_phantom(name, tmp_path_factory.mktemp(name) / "p", cases=6, seed=5, size=size)
        listed = open_dataset(name, root)
        return root, [(case, case.read(), load_posterior(root, case.id).posterior[..., 0]) for case in listed]

    return cases


def contrast(volume, sure, never, channel):
    """Median inside the object over the median where no reader sees one, both in the mask."""
    values = volume.image[..., channel]
    return np.median(values[sure]) / np.median(values[never & volume.mask])


def test_an_infarct_is_dark_on_adc_and_late_on_tmax_and_the_raw_series_has_five_axes(read):
    root, cases = read("is17", (40, 48, 14))
    adc, tmax = (
        [contrast(volume, p > 0.9, p == 0, case.channels.index(name)) for case, volume, p in cases]
        for name in ("ADC", "Tmax")
    )
    assert np.median(adc) < 0.85
    assert np.median(tmax) > 2
    series = next(root.rglob("*4DPWI*.nii"))
    with pytest.raises(DataError, match="the scan has 5 axes, 40x48x14x1x4"):
        read_nifti(series)


def test_a_core_is_starved_and_the_head_has_bone_and_air(read):
    _, cases = read("is18", (40, 48, 6))
    flow = [contrast(volume, p > 0.9, p == 0, case.channels.index("CBF")) for case, volume, p in cases]
    assert np.median(flow) < 0.8
    for _, volume, _ in cases:
        ct = volume.image[..., 0]
        assert ct.min() < -900
        assert ct.max() > 700
        assert 2 <= ct.shape[2] <= 6
        assert volume.spacing_mm[2] >= 5


def test_lesions_are_many_and_bright_and_other_pathology_lies_apart(read):
    _, cases = read("wm17", (64, 72, 20))
    bright = [contrast(volume, p > 0.9, p == 0, 0) for _, volume, p in cases if (p > 0.9).any()]
    assert np.median(bright) > 1.2
    assert max(ndimage.label(volume.truth[..., 0])[1] for _, volume, _ in cases) >= 5
    for case, volume, posterior in cases:
        assert volume.ignore.any() == ("Singapore" in case.files[0].parts)
        assert posterior[volume.ignore].max(initial=0) == 0
        assert not volume.truth[..., 0][volume.ignore].any()
        assert not volume.truth[..., 0][~volume.mask].any()


def test_a_tilted_grid_keeps_spacing_and_middle_and_comes_back_as_it_was(tmp_path):
    space = ScanGrid(size=(5, 4, 3), spacing_mm=(1.0, 1.5, 6.0), height_mm=10.0, tilt=0.2)
    voxels = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    file = tmp_path / "a.nii"
    file.write_bytes(space.file(voxels, compressed=False))
    scan = read_nifti(file)
    np.testing.assert_array_equal(scan.voxels, voxels)
    np.testing.assert_allclose(scan.spacing_mm, space.spacing_mm, rtol=1e-5)
    # The middle voxel (2, 1.5, 1) lies 10 mm above the origin along the tilted axis: 10 (0, -sin 0.2, cos 0.2).
    expected = [0, -10 * np.sin(0.2), 10 * np.cos(0.2)]
    np.testing.assert_allclose((scan.affine @ [2, 1.5, 1, 1])[:3], expected, atol=1e-4)
    assert space.stretch == pytest.approx((1, 2 / 3, 1 / 6))


def test_a_ball_is_one_at_its_centre_and_zero_on_its_border():
    places = ScanGrid(size=(7, 5, 3), spacing_mm=(1.0, 1.0, 2.0)).places_mm()
    level = ball(places, np.zeros(3), (3.0, 2.0, 4.0))
    assert level[3, 2, 1] == 1
    # 3 mm to the side and 2 mm to the front are the border; one slice up is 2 of 4 mm.
    np.testing.assert_allclose([level[6, 2, 1], level[3, 4, 1], level[3, 2, 2]], [0, 0, 0.5], atol=1e-6)
