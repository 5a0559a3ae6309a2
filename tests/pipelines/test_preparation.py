import dataclasses
import json

import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, Volume
from kerasmetricloss.pipelines import Preparation, Prepared, channel_statistics, foreground_prior, prepare
from kerasmetricloss.similarities import ratios


def picture(**changes):
    random = np.random.default_rng(0)
    truth = np.zeros((8, 12, 1), "uint8")
    truth[2:6, 3:9] = 1
    arrays = {"image": random.random((8, 12, 3)).astype("float32"), "truth": truth, "mask": np.ones((8, 12), bool)}
    return Volume(**{**arrays, **changes})


def test_a_scan_is_resampled_cut_and_binarised(make_case, volume):
    # 6x5x4 voxels of 1x1x2 mm are 3x2x4 of 2 mm. The truth covers 1:5 of 6 voxels: pairs (0,1), (2,3), (4,5) hold 1, 2
    # and 1 of 2, and a half is background; of 5 voxels, new ones at 1 and 3 (both inside 1:4): all of it.
    prepared = prepare(make_case(volume), Preparation(spacing_mm=2.0, output_size=(3, 2, 4), margin=1))
    assert prepared.truth[..., 0].sum(axis=(1, 2)).tolist() == [0, 4, 0]
    assert prepared.image.shape == (5, 4, 6, 2)
    assert prepared.mask.shape == (3, 2, 4, 1)
    assert (prepared.image.dtype, prepared.truth.dtype, prepared.mask.dtype) == (np.float32, np.uint8, np.uint8)
    assert prepared.voxel_mm == (2.0, 2.0, 2.0)


def test_what_lies_outside_the_scan_is_zero_and_outside_the_mask(make_case, volume):
    prepared = prepare(make_case(volume), Preparation(output_size=(8, 5, 4)))
    assert not prepared.mask[0].any()
    assert not prepared.image[0].any()
    assert prepared.mask[1:7].all()


def test_a_picture_is_resized_with_its_truth(make_case):
    # Rows 2:6 of 8 become 1:3 of 4. Of columns 3:9, the pairs 4, 5 and 6, 7 are full; 2, 3 and 8, 9 are half:
    # background.
    prepared = prepare(make_case(picture()), Preparation(picture_size=(6, 4), output_size=(4, 6)))
    assert np.argwhere(prepared.truth[..., 0]).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert prepared.image.shape == (4, 6, 3)
    assert prepared.voxel_mm is None


def test_voxels_of_unknown_truth_leave_the_mask(make_case):
    ignore = np.zeros((8, 12), bool)
    ignore[:, :5] = True
    prepared = prepare(make_case(picture(ignore=ignore)), Preparation(output_size=(8, 12)))
    assert np.array_equal(prepared.mask[..., 0], ~ignore)
    assert prepared.unknown == 8 * 5
    # Only those of the box count: it is four columns narrower and two rows higher.
    assert prepare(make_case(picture(ignore=ignore)), Preparation(output_size=(10, 8))).unknown == 8 * 3


@pytest.mark.parametrize(
    "preparation",
    [
        Preparation(output_size=(8, 12)),
        Preparation(picture_size=(6, 4), output_size=(4, 6)),
        Preparation(picture_size=(17, 11), output_size=(12, 20)),
    ],
    ids=["as it is", "smaller", "larger"],
)
def test_a_perfect_prediction_of_what_is_known_scores_1(make_case, preparation):
    ignore = np.zeros((8, 12), bool)
    ignore[4:, 4:6] = True  # cuts through the truth, rows 2:6 and columns 3:9
    prepared = prepare(make_case(picture(ignore=ignore)), preparation)
    known = prepare(make_case(picture(), "all known"), preparation)
    assert prepared.truth.sum() > 0
    assert prepared.truth.sum() < known.truth.sum()
    # A network gives 0 outside the mask, and here the truth inside it.
    prediction = known.truth * prepared.mask
    assert ratios.dice((prediction & prepared.truth).sum(), prediction.sum(), prepared.truth.sum()) == 1
    assert not (prepared.truth * (1 - prepared.mask)).any()


def test_a_new_voxel_is_unknown_as_soon_as_a_part_of_it_is(make_case, volume):
    # 6 rows of 1 mm become 3 of 2 mm; row 2 is half of the second.
    ignore = np.zeros((6, 5, 4), bool)
    ignore[2] = True
    changed = dataclasses.replace(volume, ignore=ignore)
    prepared = prepare(make_case(changed), Preparation(spacing_mm=2.0, output_size=(3, 2, 4)))
    assert prepared.mask[..., 0].all(axis=(1, 2)).tolist() == [True, False, True]
    assert not prepared.mask[1].any()
    assert not prepared.truth[1].any()


def test_a_preparation_survives_json():
    before = Preparation(spacing_mm=2.0, output_size=(136, 136, 82), margin=13, picture_size=(384, 288))
    assert Preparation(**json.loads(json.dumps(dataclasses.asdict(before)))) == before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"output_size": (5,)}, "2 or 3 whole numbers"),
        ({"output_size": (5, 0)}, "at least 1"),
        ({"margin": -1}, "cannot be negative"),
        ({"spacing_mm": 0.0}, "positive length"),
        ({"picture_size": (5, 0)}, "width, height"),
    ],
)
def test_a_preparation_that_cannot_be_is_an_error(setting, message):
    with pytest.raises(ValueError, match=message):
        Preparation(**{"output_size": (4, 5), **setting})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"output_size": (4, 4, 4)}, "2 spatial axes"),
        ({"output_size": (4, 5), "spacing_mm": 2.0}, "voxel size is unknown"),
    ],
)
def test_a_case_that_does_not_fit_is_named(make_case, setting, message):
    with pytest.raises(DataError, match=f"case 17: .*{message}"):
        prepare(make_case(picture(), "17"), Preparation(**setting))


def test_a_picture_size_for_a_scan_is_an_error(make_case, volume):
    with pytest.raises(DataError, match="picture_size is set, but the image has 3 axes"):
        prepare(make_case(volume), Preparation(output_size=(4, 4, 4), picture_size=(4, 4)))


def prepared_case(values, mask, truth=None):
    mask = np.array(mask, "uint8").reshape(1, -1, 1)
    truth = mask if truth is None else np.array(truth, "uint8").reshape(1, -1, 1)
    return Prepared("a", np.array(values, "float32").reshape(1, -1, 1), truth, mask, None)


def test_statistics_are_those_of_all_voxels_inside_the_masks_together():
    # Inside: 1, 3 and 8. Mean 4, variance (9 + 1 + 16) / 3.
    shift, scale = channel_statistics([prepared_case([1, 3, 50], [1, 1, 0]), prepared_case([70, 8, 90], [0, 1, 0])])
    assert shift.tolist() == [4.0]
    assert scale[0] == pytest.approx((26 / 3) ** 0.5)


def test_statistics_read_the_image_where_the_mask_lies_inside_its_margin():
    case = Prepared("a", np.zeros((3, 4, 1), "float32"), np.ones((1, 2, 1), "uint8"), np.ones((1, 2, 1), "uint8"), None)
    case.image[1, 1:3, 0] = 2, 4
    assert [float(v[0]) for v in channel_statistics([case])] == [3.0, 1.0]


def test_large_intensities_lose_no_digits():
    # Mean 1e6 + 1, deviation 1; squares summed about 0 in float32 would lose all of it.
    shift, scale = channel_statistics([prepared_case([1e6, 1e6 + 2], [1, 1])] * 3)
    assert (shift[0], scale[0]) == (1e6 + 1, 1.0)


def test_a_constant_channel_has_scale_one():
    assert channel_statistics([prepared_case([5, 5], [1, 1])])[1].tolist() == [1.0]
    assert channel_statistics([prepared_case([0, 0], [1, 1])])[1].tolist() == [1.0]


@pytest.mark.parametrize("value", [1.0, 123.45, -2e6])
def test_a_constant_channel_is_constant_after_resampling_too(make_case, volume, value):
    constant = dataclasses.replace(volume, image=np.full_like(volume.image, value))
    scan = prepare(make_case(constant), Preparation(spacing_mm=1.3, output_size=(4, 4, 4)))
    truth, mask = np.ones((61, 47, 1), "uint8"), np.ones((61, 47), bool)
    colours = picture(image=np.full((61, 47, 3), value, "float32"), truth=truth, mask=mask)
    small = prepare(make_case(colours), Preparation(picture_size=(19, 31), output_size=(31, 19)))
    for prepared in (scan, small):
        shift, scale = channel_statistics([prepared])
        assert (scale == 1).all()
        np.testing.assert_allclose((prepared.image - shift) / scale, 0, atol=1e-6 * abs(value))


def test_the_prior_counts_foreground_inside_the_masks():
    # Inside lie 2 + 1 voxels, of which 1 + 0 are foreground.
    cases = [prepared_case([0] * 3, [1, 1, 0], [1, 0, 1]), prepared_case([0] * 3, [0, 0, 1], [1, 1, 0])]
    assert foreground_prior(cases).tolist() == [pytest.approx(1 / 3)]


@pytest.mark.parametrize("function", [channel_statistics, foreground_prior])
def test_empty_masks_have_no_statistics(function):
    with pytest.raises(DataError, match="masks are empty"):
        function([prepared_case([1, 2], [0, 0])])
