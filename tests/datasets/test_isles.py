"""The layouts of ISLES 2017 and ISLES 2018, on phantoms and on folders written by hand."""

import shutil

import numpy as np
import pytest

from kerasmetricloss.datasets import CATALOG, DataError, open_dataset, write_phantom
from kerasmetricloss.datasets.nifti import nifti_bytes, read_nifti

SIZE = {"is17": (32, 36, 9), "is18": (32, 36, 5)}


@pytest.fixture(scope="module", params=sorted(SIZE))
def phantom(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("isles") / "root"
    return request.param, write_phantom(request.param, root, cases=7, seed=2, size=SIZE[request.param])


def test_numbers_have_gaps_and_come_in_natural_order(phantom):
    name, root = phantom
    ids = [case.id for case in open_dataset(name, root)]
    expected = {"is17": "training_{}", "is18": "case_{}"}[name]
    # ISLES 2017's phantoms leave out every sixth number.
    assert ids == [expected.format(n) for n in ((1, 2, 3, 4, 5, 7, 8) if name == "is17" else range(1, 8))]


def test_cases_beside_the_training_folder_are_read_too_and_one_there_twice_is_refused(phantom, tmp_path):
    name, root = phantom
    copy = shutil.copytree(root, tmp_path / "copy")
    first = open_dataset(name, copy)[0]
    place = next(folder for folder in first.files[0].parents if folder.name == first.id)
    place.rename(copy / first.id)
    assert len(open_dataset(name, copy)) == 7
    shutil.copytree(copy / first.id, place)
    with pytest.raises(DataError, match=f"case {first.id}: .*is there twice; keep one of its folders"):
        open_dataset(name, copy)
    with pytest.raises(DataError, match=r"is here; name .*copy instead"):
        open_dataset(name, tmp_path)


def test_channels_are_those_of_the_paper_and_the_raw_series_is_not_read(phantom):
    name, root = phantom
    case = open_dataset(name, root)[0]
    assert case.channels == CATALOG[name].channels
    assert case.absent == ()
    assert not any("4DPWI" in file.name for file in case.files)
    assert len(list(root.rglob("*4DPWI*.nii"))) == 7


def test_each_channel_is_the_volume_of_its_own_folder(phantom):
    name, root = phantom
    case = open_dataset(name, root)[-1]
    prefix = {"is17": "MR_", "is18": "CT_"}[name]
    words = [channel if channel == "CT" else prefix + channel for channel in case.channels]
    assert [file.parent.name.split(".")[-2] for file in case.files] == [*words, "OT"]
    image = case.read().image
    for index, file in enumerate(case.files[:-1]):
        np.testing.assert_array_equal(image[..., index], read_nifti(file).voxels)


def test_names_are_asked_for_in_any_case_of_letters(phantom):
    name, root = phantom
    assert open_dataset(name, root, channels=("tmax", "mtt"))[0].channels == ("Tmax", "MTT")


def test_the_mask_is_the_papers_rule_whichever_channels_are_asked_for(phantom):
    name, root = phantom
    rule = CATALOG[name].mask
    whole, one = (open_dataset(name, root, channels=channels)[0] for channels in (None, ("Tmax",)))
    expected = whole.read().image[..., whole.channels.index(rule.channel)] > rule.above
    np.testing.assert_array_equal(one.read().mask, expected)
    assert 0.1 < expected.mean() < 0.9
    assert one.read().image.shape[-1] == 1
    # The file of the mask is one of the files behind the case, so a change of it is noticed.
    assert len(one.files) == 3


def test_another_rule_for_the_mask_can_be_given(phantom):
    name, root = phantom
    volume = open_dataset(name, root, channels=("MTT", "Tmax"), mask="tmax > 3")[0].read()
    np.testing.assert_array_equal(volume.mask, volume.image[..., 1] > 3)
    assert open_dataset(name, root, mask="all")[0].read().mask.all()


def test_grids_are_anisotropic_and_their_axes_run_to_right_front_and_top(phantom):
    name, root = phantom
    volumes = [case.read() for case in open_dataset(name, root)]
    for volume in volumes:
        assert abs(volume.spacing_mm[2] / volume.spacing_mm[0] - 1) > 0.01
        assert np.all(np.diag(volume.affine)[:3] > 0)
        np.testing.assert_allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), volume.spacing_mm, rtol=1e-5)
    assert len({volume.spacing_mm for volume in volumes}) == 7


def test_a_modality_that_one_case_lacks_is_left_out_of_all_and_listed(tmp_path):
    root = write_phantom("is17", tmp_path / "p", cases=3, seed=0, size=SIZE["is17"])
    (ttp,) = root.glob("training/training_2/*TTP*")
    for file in ttp.iterdir():
        file.unlink()
    problems = []
    cases = open_dataset("is17", root, problems=problems)
    assert len(cases) == 3
    assert "TTP" not in cases[0].channels
    assert cases[0].absent == ("TTP",)
    assert [(problem.case, problem.problem) for problem in problems] == [
        ("training_2", "the modality TTP is missing, so it is left out of every case")
    ]


def test_volumes_without_folders_of_their_own_are_found(tmp_path):
    voxels = np.ones((5, 6, 3), np.int16)
    folder = tmp_path / "training_4"
    folder.mkdir()
    for number, word in enumerate(("MR_ADC", "OT")):
        (folder / f"VSD.Brain.XX.O.{word}.{number}.nii.gz").write_bytes(nifti_bytes(voxels, np.eye(4)))
    (case,) = open_dataset("is17", tmp_path)
    assert (case.id, case.channels, case.read().truth.sum()) == ("training_4", ("ADC",), 90)


def test_patients_are_given_by_a_table(tmp_path):
    root = write_phantom("is18", tmp_path / "p", cases=3, seed=0, size=SIZE["is18"])
    table = tmp_path / "patients.csv"
    table.write_text("case,patient\ncase_1,A\ncase_2,A\ncase_3,B\n")
    assert [case.group for case in open_dataset("is18", root)] == ["case_1", "case_2", "case_3"]
    assert [case.group for case in open_dataset("is18", root, groups=table)] == ["A", "A", "B"]
    table.write_text("case,patient\ncase_1,A\n")
    with pytest.raises(DataError, match=r"case case_2: .*patients\.csv: .*add a line case_2,N"):
        open_dataset("is18", root, groups=table)
