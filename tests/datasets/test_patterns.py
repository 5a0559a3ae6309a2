"""Files by pattern."""

import pytest

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.patterns import match_files, without_suffix


def ids(root, pattern):
    return dict(match_files(root, pattern).files.keys())


def test_the_id_is_what_the_wildcards_stand_for(tree):
    root = tree("s1/pre/FLAIR.nii.gz", "s2/pre/FLAIR.nii.gz", "s2/pre/T1.nii.gz")
    assert ids(root, "*/pre/FLAIR.nii.gz") == {"s1": None, "s2": None}
    assert match_files(root, "s2/pre/*").files["T1", None] == [root / "s2/pre/T1.nii.gz"]


def test_wildcards_that_say_the_same_count_once(tree):
    root = tree("HGG/a_1/a_1_flair.nii", "LGG/b/b_flair.nii")
    assert ids(root, "HGG/*/*_flair.nii") == {"a_1": None}
    assert ids(root, "*/*/*_flair.nii") == {"HGG_a_1": None, "LGG_b": None}
    assert ids(root, "**/*_flair.nii") == {"HGG_a_1": None, "LGG_b": None}


def test_a_named_id_stands_for_one_text_everywhere(tree):
    root = tree("a/a_t1.nii", "a/b_t1.nii", "b/b_t1.nii")
    assert ids(root, "{id}/{id}_t1.nii") == {"a": None, "b": None}
    assert match_files(root, "{id}/{id}_t1.nii").files["b", None] == [root / "b/b_t1.nii"]
    assert not match_files(root, "{id}/{id}_t1.nii").faults  # b is a case of its own: a/b_t1.nii is a copy


def test_a_named_id_that_stands_for_two_texts_is_a_fault_where_neither_is_a_case(tree):
    root = tree("p1/p1_t1.nii", "p2/p02_t1.nii", "p3/notes.txt")
    (fault,) = match_files(root, "{id}/{id}_t1.nii").faults
    assert (fault.case, fault.file) == ("p2", root / "p2/p02_t1.nii")
    assert (fault.problem, fault.mend) == ("{id} stands for p2 and for p02", "rename one of them as the other")
    assert [fault.case for fault in match_files(root, "{id}/{id}*").faults] == ["p2"]
    with pytest.raises(DataError, match=r"case p2: .*{id} stands for p2 and for p0; rename"):
        match_files(root, "{id}/{id}2_t1.nii")


def test_a_star_that_matches_other_files_of_a_case_is_no_fault(tree):
    root = tree("p1/p1_t1.nii", "p1/mean_t1.nii", "p1/t1.png")
    assert not match_files(root, "{id}/{id}_*").faults


def test_a_named_group_is_the_group(tree):
    root = tree("video 1/f1.png", "video 1/f2.png", "video 2/f3.png")
    assert ids(root, "{group}/{id}.png") == {"f1": "video 1", "f2": "video 1", "f3": "video 2"}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII.GZ"])
def test_a_wildcard_for_the_suffix_is_no_part_of_the_id(tree, suffix):
    assert ids(tree(f"s1/adc{suffix}"), "*/adc.nii*") == {"s1": None}
    assert ids(tree(f"x/s1{suffix}"), "x/*") == {"s1": None}


def test_letters_match_in_either_case_and_accents_in_either_form(tree):
    root = tree("e\u0301te\u0301/A.PNG")
    assert ids(root, "été/*.png") == {"A": None}


def test_characters_and_ranges_are_wildcards(tree):
    root = tree("run1.png", "run2.png", "runx.png")
    assert ids(root, "run[0-9].png") == {"1": None, "2": None}
    assert ids(root, "run[!0-9].png") == {"x": None}
    assert ids(root, "run?.png") == {"1": None, "2": None, "x": None}


def test_double_stars_go_through_any_folders_but_not_round_a_link(tree):
    root = tree("f.png", "a/b/f.png")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    assert sorted(ids(root, "**/f.png")) == ["a_b", "f"]


def test_hidden_files_are_no_files_of_the_data_set(tree):
    assert ids(tree("a.png", "._a.png", ".git/b.png"), "**/*.png") == {"a": None}


@pytest.mark.parametrize("pattern", ["./images/{id}.png", "images//{id}.png", "./images/./{id}.png", "images/{id}.png"])
def test_dots_and_double_slashes_in_a_pattern_do_not_matter(tree, pattern):
    assert ids(tree("images/1.png", "images/2.png"), pattern) == {"1": None, "2": None}


@pytest.mark.parametrize("pattern", ["im[z-a]/{id}.png", "images/[!].png"])
def test_characters_that_are_no_set_are_refused(tree, pattern):
    with pytest.raises(DataError, match=r"is no pattern \(.*; write \[ab\] or \[a-z\]"):
        match_files(tree("images/1.png"), pattern)


def test_a_pattern_of_folders_is_refused(tree):
    with pytest.raises(DataError, match="'images/' is no pattern of files"):
        match_files(tree("images/1.png"), "images/")


def test_nothing_found_says_where_patterns_start(tree):
    with pytest.raises(DataError, match=r"no file matches '\*\.nii'; patterns start at that folder"):
        match_files(tree("a.png"), "*.nii")


def test_a_suffix_in_the_middle_of_a_name_stays(tree):
    assert without_suffix("a.nii.b.png") == "a.nii.b"
