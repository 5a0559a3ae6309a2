"""From a case to files on its own grid; a folder that is taken up where it was left."""

import csv
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, Volume
from kerasmetricloss.datasets.nifti import read_nifti, write_nifti
from kerasmetricloss.pipelines import Preparation, prepare
from kerasmetricloss.pipelines.inference import (
    CasesFailed,
    Network,
    Prediction,
    PredictionError,
    Reach,
    case_scores,
    predict_case,
    predict_folder,
)

from .conftest import trained
from .stand_ins import bright, case_of


@pytest.fixture
def scan(tmp_path):
    """A scan of 12x8x6 voxels of 1x1x2 mm, stored towards left and back, with a bright block that is the truth."""
    stored = np.zeros((12, 8, 6), np.float32)
    stored[2:8, 2:6, 1:4] = 20
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    affine[:3, 3] = (11, 7, -3)
    write_nifti(tmp_path / "a_image.nii.gz", stored, affine)
    found = read_nifti(tmp_path / "a_image.nii.gz")
    volume = Volume(
        image=np.stack([found.voxels, found.voxels], -1),
        truth=(found.voxels > 0).astype("uint8")[..., None],
        mask=np.ones(found.voxels.shape, bool),
        spacing_mm=found.spacing_mm,
        affine=found.affine,
    )
    return case_of(volume, "a", tmp_path / "a_image.nii.gz"), volume, stored, affine


def test_a_case_is_predicted_on_its_own_grid(scan):
    case, *_ = scan
    prediction = predict_case(case, bright(), trained())
    assert prediction.probability.shape == (12, 8, 6, 1)
    # Edges lie between 2 mm voxels: the block is kept to a voxel.
    (row,) = case_scores(prediction, case.labels)
    assert row["dice"] > 0.9
    assert row["truth_voxels"] == 6 * 4 * 3


@pytest.mark.parametrize("box", [(10, 10, 10), (19, 28, 10)])
def test_the_network_sees_what_a_study_shows_it(scan, box):
    case, *_ = scan
    calls = []
    trained_on = trained(preparation=Preparation(spacing_mm=2.0, output_size=box, margin=4))
    predict_case(case, bright(calls=calls), trained_on)
    # 6 x 4 x 6 voxels of 2 mm fit into the box: one call, on the very box of `prepare`, also where 10 would do.
    shift, scale = np.array(trained_on.shift), np.array(trained_on.scale)
    expected = (prepare(case, trained_on.preparation).image - shift) / scale
    assert len(calls) == 1
    np.testing.assert_allclose(calls[0][0], expected, atol=1e-5)


def test_a_box_that_no_study_had_is_no_larger_than_the_image_needs(scan):
    case, *_ = scan
    calls = []
    box = Preparation(spacing_mm=2.0, output_size=(19, 28, 10), margin=4)
    predict_case(case, bright(calls=calls), trained(preparation=box, boxed=False))
    assert [call.shape for call in calls] == [(1, 18, 18, 18, 2)]


def test_a_model_that_no_study_trained_is_given_the_whole_scan_however_large_its_description(scan):
    case, *_ = scan
    calls = []
    box = Preparation(spacing_mm=0.25, output_size=(1, 1, 1))
    predict_case(case, bright(Reach.same(3), calls), trained(preparation=box, boxed=False))
    # 12 x 8 x 6 voxels of 1 x 1 x 2 mm.
    assert [call.shape for call in calls] == [(1, 48, 32, 48, 2)]


def test_an_image_larger_than_the_box_is_predicted_in_tiles_and_not_cropped(scan):
    case, volume, *_ = scan
    fine = trained(preparation=Preparation(spacing_mm=0.5, output_size=(10, 10, 10), margin=4))
    calls = []
    prediction = predict_case(case, bright(calls=calls), fine)
    assert len(calls) > 4
    np.testing.assert_array_equal(prediction.labels, volume.truth)


def test_the_mask_rule_holds_on_the_native_grid_and_unknown_truth_is_predicted_but_not_scored(scan):
    case, volume, *_ = scan
    mask, ignore = volume.mask.copy(), np.zeros(volume.space, bool)
    mask[:6], ignore[:, 4:] = False, True
    changed = case_of(replace(volume, mask=mask, ignore=ignore), "a", case.files[0])
    prediction = predict_case(changed, bright(), trained())
    assert not prediction.labels[:6].any()
    assert prediction.labels[6:, 4:].any()
    (row,) = case_scores(prediction, case.labels)
    assert row["truth_voxels"] == volume.truth[:, :4].sum()


def test_a_prediction_reaches_the_rim_of_the_mask(scan):
    case, volume, *_ = scan
    distance = np.linalg.norm(np.indices(volume.space).T - (np.array(volume.space) - 1) / 2, axis=-1).T
    changed = case_of(replace(volume, mask=distance < 3.4), "a", case.files[0])
    everywhere = Network(lambda images, masks: 0.9 * masks, Reach.same(3), 1)
    coarse = trained(preparation=Preparation(spacing_mm=1.6, output_size=(10, 10, 10)))
    prediction = predict_case(changed, everywhere, coarse)
    inside = prediction.volume.mask
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(prediction.labels[..., 0] > 0, inside)


def test_scores_by_hand():
    # Truth 4 voxels, found 2 of them and 2 more: Dice 2*2/(4+4), Jaccard 2/6. The second label is absent from both.
    truth = np.zeros((2, 4, 2), "uint8")
    truth[0, :, 0] = 1
    probability = np.zeros((2, 4, 2), "float32")
    probability[:, :2, 0] = 0.6
    probability[1, 3] = 0.5  # not above
    volume = Volume(image=np.zeros((2, 4, 1), "float32"), truth=truth, mask=np.ones((2, 4), bool))
    one, other = case_scores(Prediction(volume, probability), ("one", "other"))
    assert one == {"label": "one", "dice": 0.5, "jaccard": 2 / 6, "truth_voxels": 4, "predicted_voxels": 4}
    assert other == {"label": "other", "dice": 1.0, "jaccard": 1.0, "truth_voxels": 0, "predicted_voxels": 0}


def test_a_case_that_does_not_fit_is_named(scan):
    case, *_ = scan
    with pytest.raises(DataError, match="case a: the channels are c0, c1; the model was trained on c1, c0"):
        predict_case(case, bright(), trained(channels=("c1", "c0")))
    flat = trained(preparation=Preparation(output_size=(10, 10)))
    with pytest.raises(DataError, match="case a: the image has 3 axes, the model takes 2"):
        predict_case(case, bright(), flat)


@pytest.mark.parametrize("spacing_mm", [1e-6, 1e-320])
def test_a_grid_that_no_memory_holds_is_refused_with_its_numbers(scan, spacing_mm):
    case, *_ = scan
    fine = trained(preparation=Preparation(spacing_mm=spacing_mm, output_size=(10, 10, 10)))
    told = r"none is done\n.* 12 x 8 x 6 voxels of 1 x 1 x 2 mm would be .* voxels of .* mm, more than 2"
    with pytest.raises(CasesFailed, match=told):
        predict_folder([case], bright(), fine, case.files[0].parent / "out", model="m")


def test_labels_lie_on_the_scan_voxel_by_voxel(scan, tmp_path):
    case, _, stored, affine = scan
    table = predict_folder([case], bright(), trained(), tmp_path / "out", model="m")
    image = nib.load(tmp_path / "out" / "a_l0.nii.gz")
    np.testing.assert_array_equal(image.affine, affine)
    assert image.get_data_dtype() == np.uint8
    found = np.asarray(image.dataobj)
    assert 2 * (found * (stored > 0)).sum() / (found.sum() + (stored > 0).sum()) > 0.9
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["case"], row["group"], row["label"], row["file"]) == ("a", "g", "l0", "a_l0.nii.gz")
    assert float(row["dice"]) > 0.9


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-2.0, PredictionError, r"numbers from -2 to 0, expected probabilities: .*--from-logits"),
        (3.5, PredictionError, r"numbers from 0 to 3\.5, expected probabilities"),
        (np.nan, DataError, "case a: .*the network gives NaN"),
    ],
)
def test_what_is_no_probability_is_refused(scan, value, error, message):
    case, volume, *_ = scan
    half = case_of(replace(volume, mask=np.indices(volume.space)[0] > 4), "a", case.files[0])
    network = Network(lambda _, masks: np.where(masks > 0, np.float32(value), 0), Reach.same(3), 1)
    with pytest.raises(error, match=message):
        predict_case(half, network, trained())


@pytest.mark.parametrize("value", [1.004, -0.004])
def test_probabilities_rounded_to_sixteen_bits_are_taken(scan, value):
    case, *_ = scan
    network = Network(lambda _, masks: np.float32(value) * masks, Reach.same(3), 1)
    assert predict_case(case, network, trained()).labels.all() == (value > 0.5)


def test_exclusive_classes_are_none_outside_the_mask():
    probability = np.array([[[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.3, 0.3, 0.4], [0.0, 0.0, 0.0]]], np.float32)
    mask, image = np.array([[True, True, True, False]]), np.zeros((1, 4, 1), np.float32)
    volume = Volume(image=image, truth=np.zeros((1, 4, 3), np.uint8), mask=mask)
    found = Prediction(volume, probability, exclusive=True).labels
    assert found[0].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]
    without_background = replace(volume, truth=np.zeros((1, 4, 2), np.uint8))
    assert (Prediction(without_background, probability, exclusive=True).labels == found[..., 1:]).all()
