import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, open_dataset

SCANS = ("*/*/*_flair.nii.gz", "*/*/*_t1.nii.gz")


def images_alone(root, **settings):
    return open_dataset("folder", root, truth=None, **settings)


def test_scans_without_truth_are_read_and_ignored_everywhere(brats):
    cases = images_alone(brats, images=SCANS, channels=("FLAIR", "T1"), labels=("WT", "ET"), mask="FLAIR>0")
    assert len(cases) == 2
    volume = cases[0].read()
    assert volume.image.shape == (6, 5, 4, 2)
    assert volume.truth.shape == (6, 5, 4, 2)
    assert not volume.truth.any()
    assert volume.ignore.all()
    assert volume.affine is not None
    np.testing.assert_array_equal(volume.mask, volume.image[..., 0] > 0)


def test_pictures_without_truth_are_read_by_colour(cvc):
    cases = images_alone(cvc, images=("Original/*",), channels=("red", "grey"), labels=("polyp",))
    assert [case.id for case in cases] == ["1", "2", "10"]
    assert cases[0].read().image.shape == (5, 7, 2)


def test_grey_planes_without_truth_are_channels(tmp_path):
    for number, plane in enumerate("ab"):
        (tmp_path / plane).mkdir()
        for case in ("1", "2"):
            Image.fromarray(np.full((3, 4), 10 * number + int(case), "uint8")).save(tmp_path / plane / f"{case}.png")
    cases = images_alone(tmp_path, images=("a/{id}.png", "b/{id}.png"))
    assert [(case.channels, case.labels) for case in cases] == [(("a", "b"), ("object",))] * 2
    assert cases[1].read().image[0, 0].tolist() == [2, 12]


def test_what_does_not_fit_is_said(brats, tmp_path):
    given = {"channels": ("FLAIR", "T1"), "labels": ("WT",)}
    with pytest.raises(DataError, match="the channels are FLAIR, T1 for 1 patterns of images"):
        images_alone(brats, images=SCANS[:1], **given)
    with pytest.raises(DataError, match="numbers of labels are for one file of truth, here are 0"):
        images_alone(brats, images=SCANS, values={"WT": (1,)}, **given)
    with pytest.raises(DataError, match="the mask's T2 is no channel"):
        images_alone(brats, images=SCANS, mask="T2>0", **given)
    with pytest.raises(DataError, match="does not exist"):
        images_alone(tmp_path / "none", images=SCANS, **given)
    next(brats.glob("*/*/*_t1.nii.gz")).unlink()
    with pytest.raises(DataError, match=r"no file with this id matches .*_t1"):
        images_alone(brats, images=SCANS, **given)


def test_scans_in_the_layout_of_a_data_set_lack_their_truth_only_where_it_is_optional(brats):
    next(brats.glob("*/*/*_seg.nii.gz")).unlink()
    with pytest.raises(DataError, match="the segmentation is missing"):
        open_dataset("br18", brats)
    without, with_truth = open_dataset("br18", brats, truth_needed=False, labels=("WT", "ET"))
    assert len(without.files) == len(with_truth.files) - 1 == len(without.channels)
    volume = without.read()
    assert volume.truth.shape == (6, 5, 4, 2)
    assert volume.ignore.all()
    assert not volume.truth.any()
    assert with_truth.read().truth.any()
    with pytest.raises(DataError, match="the segmentation is missing"):
        open_dataset("br18", brats)
