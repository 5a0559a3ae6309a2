import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.folds import make_folds, only_folds, published_folds

GROUPS = st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=40).filter(lambda names: len(set(names)) > 1)


@settings(deadline=None, max_examples=60)
@given(groups=GROUPS, folds=st.integers(2, 7), seed=st.integers(0, 5))
def test_each_case_is_tested_exactly_once_and_no_group_is_split(groups, folds, seed):
    made = make_folds(groups, folds=folds, seed=seed)
    assert len(made) == min(folds, len(set(groups)))
    assert sorted(i for fold in made for i in fold.test) == list(range(len(groups)))
    for fold in made:
        assert fold.train
        assert not {groups[i] for i in fold.train} & {groups[i] for i in fold.test}
        assert sorted((*fold.train, *fold.test)) == list(range(len(groups)))


@settings(deadline=None, max_examples=60)
@given(groups=GROUPS, share=st.floats(0.05, 0.4))
def test_inner_validation_is_apart_from_training_and_test_by_group(groups, share):
    if len(set(groups)) < 4:
        return
    for fold in make_folds(groups, folds=3, inner_validation=share):
        parts = [{groups[i] for i in part} for part in (fold.train, fold.validation, fold.test)]
        assert all(parts)
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]


def test_weights_are_selected_on_the_reported_fold_by_default():
    assert all(fold.validation == fold.test for fold in make_folds(list("abcdefg")))


def test_folds_of_single_cases_differ_by_one_case_at_most():
    # 17 cases in 5 folds: 4, 4, 3, 3, 3
    sizes = sorted(len(fold.test) for fold in make_folds([str(i) for i in range(17)], folds=5))
    assert sizes == [3, 3, 3, 4, 4]


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    groups = [str(i) for i in range(20)]
    assert make_folds(groups, seed=1) == make_folds(groups, seed=1)
    assert make_folds(groups, seed=1) != make_folds(groups, seed=2)


def test_folds_by_case_split_a_group():
    folds = make_folds(["a"] * 6, folds=3, by="case")
    assert [len(fold.test) for fold in folds] == [2, 2, 2]


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        ([], {}, "there are none"),
        (["a"], {}, "there is one"),
        (["a", "a"], {}, "--folds-by case"),
        (["a", "b"], {"folds": 1}, "two or more"),
        (["a", "b"], {"by": "patient"}, "'group' or 'case'"),
        (["a", "b", "c"], {"inner_validation": 1.0}, "fraction"),
        (["a", "b"], {"inner_validation": 0.5}, "leaves none to train on"),
    ],
)
def test_impossible_folds_are_refused_with_the_mend(groups, options, message):
    with pytest.raises(StudyError, match=message):
        make_folds(groups, **options)


def test_published_folds_are_taken_as_they_are():
    folds = published_folds([(0, 3), (), (1, 2)], ["a", "b", "b", "a"])
    assert [(fold.train, fold.test) for fold in folds] == [((1, 2), (0, 3)), ((0, 3), (1, 2))]
    with pytest.raises(StudyError, match="leaves 1 fold"):
        published_folds([(0, 1), ()], ["a", "b"])


def test_an_inner_validation_within_published_folds_keeps_groups_together():
    groups = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    first, _ = published_folds([(0, 1, 2, 3), (4, 5, 6, 7, 8, 9)], groups, inner_validation=0.3)
    assert first.test == (0, 1, 2, 3)
    assert not {groups[i] for i in first.train} & {groups[i] for i in first.validation}


def test_some_folds_are_cut_as_all_are():
    folds = make_folds(list("abcdefg"), folds=3)
    assert only_folds(folds, []) == folds
    assert only_folds(folds, [3, 1]) == [folds[0], folds[2]]
    with pytest.raises(StudyError, match=r"--only-folds 4: there are 3 folds, 1 to 3"):
        only_folds(folds, [1, 4])


@pytest.mark.parametrize("seed", range(6))
def test_an_inner_validation_does_not_divide_a_group_that_published_folds_divide(seed):
    groups = ["p", "q", "A", "r", "A", "s", "t", "u"]
    for fold in published_folds([(0, 1), (2, 3, 5), (4, 6, 7)], groups, seed=seed, inner_validation=0.3):
        assert fold.train
        assert fold.validation
        assert not {groups[i] for i in fold.train} & {groups[i] for i in fold.validation}
