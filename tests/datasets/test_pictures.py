"""Folders of pictures and masks."""

import doctest

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, groups, open_dataset, pictures, verify


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(pictures).failed == 0
    assert doctest.testmod(groups).failed == 0


def test_the_layout_of_cvc_clinicdb_is_read_in_natural_order(cvc, picture, mask):
    cases = open_dataset("po18", cvc)
    assert [case.id for case in cases] == ["1", "2", "10"]
    assert [case.group for case in cases] == ["1", "2", "10"]
    assert cases[2].files == (cvc / "Original" / "10.png", cvc / "Ground Truth" / "10.png")
    volume = cases[2].read()
    np.testing.assert_array_equal(volume.image, picture(10))
    np.testing.assert_array_equal(volume.truth[..., 0], mask() // 255)
    assert volume.mask.all()
    assert volume.spacing_mm is None


def test_a_list_of_sequences_may_spell_accents_in_another_way(cvc):
    image = (cvc / "Original").iterdir().__next__()
    composed, apart = "\u00e91", "e\u03011"
    for folder in ("Original", "Ground Truth"):
        for path in list((cvc / folder).glob(f"{image.stem}.*")):
            path.rename(path.with_stem(composed))
    others = sorted({"1", "2", "10"} - {image.stem})
    rows = "".join(f"{name},7\n" for name in (*others, apart))
    (cvc / "sequences.csv").write_text(f"frame,sequence\n{rows}", encoding="utf-8")
    assert {case.group for case in open_dataset("po18", cvc)} == {"7"}


def test_sequences_become_groups(cvc):
    (cvc / "sequences.csv").write_text("\ufeffFrame, Sequence\n1,4\n2,4\n10,5\n99,6\n", encoding="utf-8")
    assert [case.group for case in open_dataset("po18", cvc)] == ["4", "4", "5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("frame,sequence\n1,4\n2,4\n", r"case 10: .*sequences\.csv: .*lacks this frame; add a line 10,N"),
        ("frame,sequence\n1,4\n2,\n10,5\n", "case 2: "),
        ("picture,video\n1,4\n", "cannot be read"),
        ("", "cannot be read"),
        ("frame,sequence\n1\n", "cannot be read"),
        ("frame,sequence\n1,4\n2,4\n10,5\n1,7\n", r"sequences\.csv: 1 is in the groups 4 and 7; keep the line"),
    ],
)
def test_a_list_of_sequences_that_is_not_one_is_refused(cvc, content, message):
    (cvc / "sequences.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        open_dataset("po18", cvc)


def test_a_list_of_sequences_that_is_a_broken_link_is_refused(cvc):
    (cvc / "sequences.csv").symlink_to(cvc / "moved.csv")
    with pytest.raises(DataError, match=r"sequences\.csv: the list of sequences cannot be read"):
        open_dataset("po18", cvc)


def test_a_second_layout_is_not_passed_over_without_a_word(tmp_path, save_picture, picture, mask):
    for folder, pixels in (("images", picture()), ("masks", mask()), ("labels", mask() // 255 * 38)):
        save_picture(tmp_path / folder / "1.png", pixels)
    message = "pairs of folders of images and masks are 'images' and 'masks', 'images' and 'labels'; keep one pair"
    for name in ("po18", "mo17"):
        with pytest.raises(DataError, match=message):
            open_dataset(name, tmp_path)
    problems = []
    (case,) = open_dataset("po18", tmp_path, problems=problems)
    assert (case.files[-1], [problem.file for problem in problems]) == (tmp_path / "masks" / "1.png", [tmp_path])
    (case,) = open_dataset("mo17", tmp_path, label=38)  # the number says which is meant
    assert case.files[-1] == tmp_path / "labels" / "1.png"


def test_cases_without_a_sequence_are_listed_and_are_groups_of_their_own(cvc):
    (cvc / "sequences.csv").write_text("frame,sequence\n1,4\n2,4\n")
    problems = []
    assert [case.group for case in open_dataset("po18", cvc, problems=problems)] == ["4", "4", "10"]
    assert [problem.case for problem in problems] == ["10"]
    (cvc / "sequences.csv").write_text("bad\n")
    problems = []
    assert [case.group for case in open_dataset("po18", cvc, problems=problems)] == ["1", "2", "10"]
    assert [problem.file for problem in problems] == [cvc / "sequences.csv"]


def test_a_frame_without_a_sequence_joins_no_sequence_of_its_own_number(cvc, tmp_path):
    (cvc / "sequences.csv").write_text("frame,sequence\n1,10\n1,10\n2,10\n")
    found = [case.group for case in open_dataset("po18", cvc, problems=[])]
    assert found == ["10", "10", "10 alone"]
    (tmp_path / "g.csv").write_text("case,group\n10,2\n1,2 alone\n")
    found = [case.group for case in open_dataset("po18", cvc, groups=tmp_path / "g.csv", problems=[])]
    assert found == ["2 alone", "2 alone alone", "2"]


def test_a_table_of_groups_that_lacks_a_case_is_a_problem_and_one_that_is_none_an_error(cvc, tmp_path):
    (tmp_path / "g.csv").write_text("case,group\n1,a\n2,a\n")
    problems = []
    cases = open_dataset("po18", cvc, groups=tmp_path / "g.csv", problems=problems)
    assert [case.group for case in cases] == ["a", "a", "10"]
    assert [problem.case for problem in problems] == ["10"]
    with pytest.raises(DataError, match="lacks this frame"):
        open_dataset("po18", cvc, groups=tmp_path / "g.csv")
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset("po18", cvc, groups=tmp_path / "none.csv", problems=[])


@pytest.mark.parametrize("suffix", [".jp2", ".jfif", ".jpe", ".tga", ".dib"])
def test_a_pair_with_a_less_common_suffix_is_a_case(tmp_path, save_picture, picture, mask, suffix):
    for folder, pixels in (("images", picture()), ("masks", mask())):
        path = save_picture(tmp_path / folder / "1.png", pixels)
        with Image.open(path) as opened:
            opened.save(path.with_suffix(suffix), format="JPEG" if suffix in (".jfif", ".jpe") else None)
        path.unlink()
    (case,) = open_dataset("po18", tmp_path)
    np.testing.assert_array_equal(case.read().truth[..., 0], mask() // 255)


def test_pictures_in_folders_below_are_listed_with_the_pattern_that_reads_them(cvc, save_picture, picture, mask):
    save_picture(cvc / "Original" / "seq 1" / "a" / "9.png", picture())
    save_picture(cvc / "Ground Truth" / "seq 1" / "a" / "9.png", mask())
    (cvc / "Original" / "notes").mkdir()
    (cvc / "Original" / "notes" / "readme.txt").touch()
    problems = []
    assert len(open_dataset("po18", cvc, problems=problems)) == 3
    assert [problem.file for problem in problems] == [cvc / "Original" / "seq 1"]
    assert "--dataset folder --images 'Original/{group}/*'" in problems[0].mend
    with pytest.raises(DataError, match="the pictures in this folder are not read; move them up, or read them by"):
        open_dataset("po18", cvc)


def test_a_pair_of_files_that_are_no_pictures_is_listed(cvc):
    for path in (cvc / "Original" / "11.npy", cvc / "Ground Truth" / "11.npy", cvc / "Original" / "Thumbs.db"):
        path.touch()
    problems = []
    assert len(open_dataset("po18", cvc, problems=problems)) == 3
    assert [(problem.case, problem.file) for problem in problems] == [("11", cvc / "Original" / "11.npy")]


def test_the_layout_of_kvasir_is_read_with_any_suffix_in_any_case(tmp_path, save_picture, picture, mask):
    save_picture(tmp_path / "Images" / "polyp ä.JPEG", picture())
    save_picture(tmp_path / "MASKS" / "polyp ä.Png", mask())
    (tmp_path / "Images" / "Thumbs.db").touch()
    (tmp_path / "Images" / "._polyp ä.JPEG").touch()
    (case,) = open_dataset("po18", tmp_path)
    assert case.id == "polyp ä"
    verify([case])


def test_a_name_is_the_same_whether_its_accents_are_composed_or_not(tmp_path, save_picture, picture, mask):
    save_picture(tmp_path / "images" / "a\u0308.png", picture())
    save_picture(tmp_path / "masks" / "ä.png", mask())
    assert [case.id for case in open_dataset("po18", tmp_path)] == ["ä"]


def test_a_radiograph_is_cut_around_the_centre_of_its_molar(tmp_path, save_picture):
    pixels = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    truth = np.zeros((20, 30), np.uint8)
    truth[8:11, 14:19] = 255  # centre: row 9, column 16
    save_picture(tmp_path / "images" / "1.png", pixels)
    save_picture(tmp_path / "masks" / "1.png", truth)
    (case,) = open_dataset("mo17", tmp_path, roi=(7, 5))
    volume = case.read()
    np.testing.assert_array_equal(volume.image[..., 0], pixels[7:12, 13:20])
    np.testing.assert_array_equal(volume.truth[..., 0], truth[7:12, 13:20] // 255)
    assert volume.mask.all()
    assert case.channels == ("grey",)


def test_a_box_that_leaves_the_picture_is_filled_with_zeros_outside_the_mask(tmp_path, save_picture):
    save_picture(tmp_path / "images" / "1.png", np.full((6, 8), 9, np.uint8))
    truth = np.zeros((6, 8), np.uint8)
    truth[0, 7] = 255
    save_picture(tmp_path / "masks" / "1.png", truth)
    (case,) = open_dataset("mo17", tmp_path, roi=(5, 3))
    volume = case.read()
    # Centre (0, 7): rows -1..1, columns 5..9, of which rows 0..1 and columns 5..7 are in the picture.
    expected = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]], bool)
    np.testing.assert_array_equal(volume.mask, expected)
    np.testing.assert_array_equal(volume.image[..., 0], 9 * expected)
    assert volume.truth.sum() == volume.truth[1, 2, 0] == 1


def test_the_default_box_of_a_radiograph_is_217_pixels(tmp_path, save_picture, picture, mask):
    save_picture(tmp_path / "images" / "1.png", picture())
    save_picture(tmp_path / "masks" / "1.png", mask())
    assert open_dataset("mo17", tmp_path)[0].read().space == (217, 217)
    assert open_dataset("mo17", tmp_path, roi=None)[0].read().space == (5, 7)


def test_a_chart_of_teeth_is_read_by_label_number(tmp_path, save_picture, picture):
    chart = np.full((5, 7), 37, np.uint8)
    chart[2, 3] = 38
    save_picture(tmp_path / "images" / "1.png", picture())
    save_picture(tmp_path / "labels" / "1.png", chart)
    volume = open_dataset("mo17", tmp_path, label=38, roi=None)[0].read()
    assert volume.truth.sum() == volume.truth[2, 3, 0] == 1


def test_channels_and_labels_that_pictures_do_not_have_are_refused(cvc):
    with pytest.raises(DataError, match="asked for FLAIR"):
        open_dataset("po18", cvc, channels=("FLAIR",))
    with pytest.raises(DataError, match="po18 has the label polyp, asked for WT"):
        open_dataset("po18", cvc, labels=("WT",))
