"""From a case to files on its own grid; a folder that is taken up where it was left."""

import csv
from dataclasses import replace
from functools import partial

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import Case, DataError, Volume
from kerasmetricloss.datasets.nifti import read_nifti, write_nifti
from kerasmetricloss.pipelines import Preparation, prepare
from kerasmetricloss.pipelines.inference import (
    CasesFailed,
    Network,
    Prediction,
    PredictionError,
    Reach,
    Tiling,
    case_scores,
    predict_case,
    predict_folder,
)

from .conftest import trained

UNET_3D = Reach((1,) * 3, (9,) * 3, (4,) * 3)


def bright(reach=UNET_3D, calls=None):
    """Says 1 where the normalised first channel is above 0."""
    crop = tuple(slice(m, -m if m else None) for m in reach.margin)

    def run(images, masks):
        if calls is not None:
            calls.append(images)
        return (images[(slice(None), *crop)][..., :1] > 0).astype("float32") * masks

    return Network(run, reach, 1)


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


def case_of(volume, name, file):
    channels = tuple(f"c{i}" for i in range(volume.image.shape[-1]))
    labels = tuple(f"l{i}" for i in range(volume.truth.shape[-1]))
    return Case(
        dataset="fake", id=name, group="g", channels=channels, labels=labels, files=(file,), reader=lambda _: volume
    )


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


def picture_case(tmp_path, name, seed=0):
    random = np.random.default_rng(seed)
    image = random.normal(10, 3, (14, 11, 1)).astype("float32")
    volume = Volume(image=image, truth=(image > 10).astype("uint8"), mask=np.ones((14, 11), bool))
    file = tmp_path / f"{name.replace('/', '_')}.png"
    file.write_bytes(image.tobytes())
    return case_of(volume, name, file)


def flat(**changes):
    preparation = Preparation(output_size=(14, 11), margin=0)
    return trained(channels=("c0",), shift=(10,), scale=(2,), preparation=preparation, **changes)


def test_pictures_come_out_as_black_and_white(tmp_path):
    case = picture_case(tmp_path, "é 1/2")
    predict_folder([case], bright(Reach.same(2)), flat(), tmp_path / "out", model="m")
    pixels = np.asarray(Image.open(tmp_path / "out" / "é_1_2_l0.png"))
    np.testing.assert_array_equal(pixels, case.read().truth[..., 0] * 255)


def test_finished_cases_are_skipped_and_a_lost_file_is_made_again(tmp_path):
    cases = [picture_case(tmp_path, name, seed) for seed, name in enumerate(("1", "2", "3"))]
    out, calls, seen = tmp_path / "out", [], []
    network = bright(Reach.same(2), calls)
    stopped = Network(lambda i, m: network.run(i, m) if len(calls) < 2 else 1 / 0, network.reach, 1)
    with pytest.raises(ZeroDivisionError):
        predict_folder(cases, stopped, flat(), out, model="m")
    assert len(calls) == 2
    table = predict_folder(cases, network, flat(), out, model="m", progress=lambda *step: seen.append(step))
    assert len(calls) == 3
    assert seen == [("1", 0, 3), ("2", 1, 3), ("3", 2, 3), ("", 3, 3)]
    before = table.read_bytes()
    assert [row["case"] for row in csv.DictReader(table.read_text().splitlines())] == ["1", "2", "3"]
    (out / "2_l0.png").unlink()
    predict_folder(cases, network, flat(), out, model="m")
    assert len(calls) == 4
    assert table.read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == [
        "1_l0.png",
        "2_l0.png",
        "3_l0.png",
        "predictions.json",
        "scores.csv",
    ]


def test_cases_that_cannot_be_read_are_told_at_the_end_and_tried_again(tmp_path):
    cases, out, calls = [picture_case(tmp_path, name) for name in "123"], tmp_path / "out", []
    readers = [case.reader for case in cases]

    def broken(case):
        raise DataError("the picture cannot be decoded", file=case.files[0], mend="save it again")

    network = bright(Reach.same(2), calls)
    bad = [replace(cases[0], reader=broken), cases[1], replace(cases[2], reader=broken)]
    with pytest.raises(CasesFailed, match=r"2 of 3 cases .*; the other is done\n  case 1: .*\n  case 3: ") as stop:
        predict_folder(bad, network, flat(), out, model="m")
    assert [error.case for error in stop.value.failed] == ["1", "3"]
    assert [row["case"] for row in csv.DictReader((out / "scores.csv").read_text().splitlines())] == ["2"]
    mended = [replace(case, reader=reader) for case, reader in zip(bad, readers, strict=True)]
    table = predict_folder(mended, network, flat(), out, model="m")
    assert [row["case"] for row in csv.DictReader(table.read_text().splitlines())] == ["1", "2", "3"]
    assert len(calls) == 3


def test_a_case_whose_files_or_reading_changed_is_predicted_again(tmp_path):
    cases, out, calls = [picture_case(tmp_path, name) for name in "12"], tmp_path / "out", []
    network = bright(Reach.same(2), calls)

    def scores():
        table = predict_folder(cases, network, flat(), out, model="m")
        return {row["case"]: row for row in csv.DictReader(table.read_text().splitlines())}

    first = scores()
    assert first["1"]["dice"] == "1.0"
    # The truth of case 1 is mended in place: nothing but its file and what is read from it is another.
    volume = replace(cases[0].read(), truth=np.ones((14, 11, 1), "uint8"))
    cases[0].files[0].write_bytes(b"mended")
    cases[0] = replace(cases[0], reader=lambda _: volume)
    mended = scores()
    assert len(calls) == 3
    assert float(mended["1"]["dice"]) < 1
    assert mended["1"]["made_from"] != first["1"]["made_from"]
    assert mended["2"] == first["2"]
    # Another rule for the mask is another setting of the reader.
    cases[1] = replace(cases[1], reader=partial(masked, volume=cases[1].read(), above=10))
    assert scores()["2"]["made_from"] != first["2"]["made_from"]
    assert len(calls) == 4
    scores()
    assert len(calls) == 4


def masked(_, *, volume, above):
    return replace(volume, mask=volume.image[..., 0] > above)


def test_a_table_of_other_columns_is_refused(tmp_path):
    case = picture_case(tmp_path, "1")
    network = bright(Reach.same(2), [])
    table = predict_folder([case], network, flat(), tmp_path / "out", model="m")
    table.write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in table.read_text().splitlines()))
    with pytest.raises(PredictionError, match=r"columns \['case', .*; expected case, .*seen\. Delete it"):
        predict_folder([case], network, flat(), tmp_path / "out", model="m")


def test_labels_in_another_order_than_the_outputs_are_refused_and_other_names_are_not(tmp_path):
    case = picture_case(tmp_path, "1")
    volume = case.read()
    volume = replace(volume, truth=np.repeat(volume.truth, 2, axis=-1))
    two = replace(case, labels=("TC", "WT"), reader=lambda _: volume)
    network = replace(bright(Reach.same(2), []), outputs=2)
    with pytest.raises(PredictionError, match=r"label TC stands where the model predicts WT: .* \(--labels WT,TC\)"):
        predict_folder([two], network, flat(labels=("WT", "TC")), tmp_path / "out", model="m")
    assert not (tmp_path / "out").exists()
    one = bright(Reach.same(2), [])
    predict_folder([case], one, flat(labels=("lesion",)), tmp_path / "out", model="m")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "other"}, 'model was "m" and is now "other"'),
        ({"tiling": Tiling(overlap=0.25)}, "tiling was"),
        ({"trained_on": flat(dataset="elsewhere")}, "trained_on was"),
    ],
)
def test_a_folder_of_other_predictions_is_not_added_to(tmp_path, changes, message):
    case = picture_case(tmp_path, "1")
    given = {"network": bright(Reach.same(2)), "trained_on": flat(), "model": "m"}
    predict_folder([case], out=tmp_path / "out", **given)
    with pytest.raises(PredictionError, match=message):
        predict_folder([case], out=tmp_path / "out", **{**given, **changes})
    (tmp_path / "out" / "predictions.json").write_text("[")
    with pytest.raises(PredictionError, match="cannot be read"):
        predict_folder([case], out=tmp_path / "out", **given)


def test_cases_of_one_file_name_and_outputs_without_labels_are_refused(tmp_path):
    cases = [picture_case(tmp_path, "a_1"), picture_case(tmp_path, "a_1")]
    cases[0] = replace(cases[0], id="a 1")
    with pytest.raises(PredictionError, match="cases a 1 and a_1 would have one file"):
        predict_folder(cases, bright(Reach.same(2)), flat(), tmp_path / "out", model="m")
    cases[0] = replace(cases[0], id="a", labels=("1_l0",))  # a_1_l0.png, as of the case a_1 and its label l0
    with pytest.raises(PredictionError, match="cases a and a_1 would have one file"):
        predict_folder(cases, bright(Reach.same(2)), flat(labels=()), tmp_path / "out", model="m")
    three = replace(bright(Reach.same(2)), outputs=3)
    with pytest.raises(PredictionError, match=r"the model has 3 outputs \(l0\), but the data have the labels l0"):
        predict_folder(cases[1:], three, flat(), tmp_path / "out", model="m")
