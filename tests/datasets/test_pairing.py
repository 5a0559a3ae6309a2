"""Which files of several patterns make a case."""

import pytest

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.pairing import pair_files

PATTERNS = ("img/{group}/{id}.png", "mask/{group}/{id}.png")


def paired(root, patterns, problems=None):
    found = pair_files(root, patterns, problems=problems)
    return [(pair.id, pair.group, *(str(file.relative_to(root)) for file in pair.files)) for pair in found]


def test_an_id_of_several_groups_is_a_case_in_each(tree):
    root = tree(*(f"{kind}/{path}.png" for kind in ("img", "mask") for path in ("v1/1", "v1/2", "v2/1")))
    assert paired(root, PATTERNS) == [
        ("2", "v1", "img/v1/2.png", "mask/v1/2.png"),
        ("v1_1", "v1", "img/v1/1.png", "mask/v1/1.png"),
        ("v2_1", "v2", "img/v2/1.png", "mask/v2/1.png"),
    ]


def test_an_image_is_not_paired_with_the_truth_of_another_group(tree):
    root = tree("img/v1/1.png", "img/v2/1.png", "mask/v2/1.png", "img/v3/7.png", "mask/v4/7.png")
    problems = []
    assert paired(root, PATTERNS, problems) == [("v2_1", "v2", "img/v2/1.png", "mask/v2/1.png")]
    assert [(problem.case, problem.problem) for problem in problems] == [
        ("v1_1", "no file with this id matches 'mask/{group}/{id}.png', but img/v1/1.png is there"),
        ("7", "img/v3/7.png is in the group v3 and mask/v4/7.png is in the group v4"),
    ]
    with pytest.raises(DataError, match=r"case v1_1: .*no file with this id matches"):
        pair_files(root, PATTERNS)


def test_a_pattern_without_a_group_speaks_of_a_case_by_its_id(tree):
    root = tree("img/v1/1.png", "img/v2/2.png", "mask/1.png", "mask/2.png")
    assert [pair[:2] for pair in paired(root, ("img/{group}/{id}.png", "mask/{id}.png"))] == [("1", "v1"), ("2", "v2")]


def test_one_truth_for_two_groups_is_refused(tree):
    root = tree("img/v1/1.png", "img/v2/1.png", "mask/1.png")
    message = r"case 1: .*mask/1\.png is of no group, and this id is in the groups v1 and v2; write {group} in 'mask/"
    with pytest.raises(DataError, match=message):
        pair_files(root, ("img/{group}/{id}.png", "mask/{id}.png"))


@pytest.mark.parametrize("patterns", [("img/{id}.*", "mask/{id}.*"), ("img/*", "mask/*")])
def test_a_case_with_two_truths_is_left_out_with_one_complaint(tree, patterns):
    root = tree("img/1.png", "img/2.png", "mask/1.png", "mask/2.png", "mask/2.tif")
    problems = []
    assert [pair[0] for pair in paired(root, patterns, problems)] == ["1"]
    assert [problem.problem for problem in problems] == ["mask/2.png and mask/2.tif are both case 2"]


def test_files_whose_folder_and_name_disagree_are_complained_of_once(tree):
    root = tree("p1/p1_a.nii", "p1/p1_b.nii", "p2/p02_a.nii", "p2/p02_b.nii", "p3/p3_a.nii", "p3/p03_b.nii")
    problems = []
    assert [pair[0] for pair in paired(root, ("{id}/{id}_a.nii", "{id}/{id}_b.nii"), problems)] == ["p1"]
    told = [(problem.case, problem.problem) for problem in problems]
    assert told == [("p2", "{id} stands for p2 and for p02"), ("p3", "{id} stands for p3 and for p03")]


def test_two_cases_that_would_have_one_name_are_left_out(tree):
    root = tree(*(f"{kind}/{path}.png" for kind in ("img", "mask") for path in ("v/1", "w/1", "w/v_1")))
    problems = []
    assert [pair[0] for pair in paired(root, PATTERNS, problems)] == ["w_1"]
    assert [problem.problem for problem in problems] == ["img/v/1.png and img/w/v_1.png would be one case"]


def test_one_pattern_may_be_image_and_truth(tree):
    root = tree("a/1.png", "b/1.png")
    assert paired(root, ("a/*", "b/*", "b/*")) == [("1", "1", "a/1.png", "b/1.png", "b/1.png")]
