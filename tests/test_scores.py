"""The score table: what is refused, what is kept, and that files are whole and repeatable."""

import doctest
import math
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss import scores
from kerasmetricloss.scores import ScoreTable, ScoreTableError


def row(**changes):
    names = {"dataset": "po18", "model": "unet", "loss": "CE", "case": "1", "group": "a", "label": "polyp"}
    return names | {"seed": 0, "fold": 0, "metric": "dice", "value": 0.5} | changes


def table(*changes):
    return ScoreTable.from_rows([row(**change) for change in changes])


def test_docstring_examples_hold():
    assert doctest.testmod(scores).failed == 0


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_gives_back_what_was_written(tmp_path, suffix):
    cases = ["NA", "null", "001", "fälle/ü", "a,b", "1e3"]  # ids that careless readers change
    written = table(
        *[{"case": case, "value": value} for case, value in zip(cases, [0.1, 1 / 3, math.nan, 0, 1, 1e-9], strict=True)]
    )
    read = ScoreTable.read(written.write(tmp_path / f"deep/er/scores{suffix}"))
    pd.testing.assert_frame_equal(read.frame, written.frame)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_order_of_rows_does_not_change_the_bytes(tmp_path, suffix):
    changes = [{"case": str(k), "loss": loss} for k in range(5) for loss in ("sDice", "CE")]
    one = table(*changes).write(tmp_path / f"one{suffix}").read_bytes()
    two = table(*changes[::-1]).write(tmp_path / f"two{suffix}").read_bytes()
    assert one == two


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = table({}).write(tmp_path / "scores.csv")
    before = path.read_bytes()

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        table({}, {"case": "2"}).write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([row(), row()]), r"row 1 repeats the key dataset=po18 .*expected one row a key"),
        (pd.DataFrame([row(), row(case=None)]), r"row 1 has case=nan"),
        (pd.DataFrame([row(case="")]), r"row 0 has case=''"),
        (pd.DataFrame([row(value="high")]), r"row 0 has value='high' .*expected a finite number"),
        (pd.DataFrame([row(value=math.inf)]), r"row 0 has value=.*inf.*NaN where the metric is undefined"),
        (pd.DataFrame([row(fold=0.5)]), r"fold=.*0\.5.*expected a whole number"),
        (pd.DataFrame([row()]).drop(columns="group"), r"\['group'\] are missing"),
        (pd.DataFrame([row(score=1)]), r"\['score'\] are unknown"),
    ],
)
def test_broken_tables_are_refused_with_file_row_and_mend(frame, message):
    with pytest.raises(ScoreTableError, match=message) as caught:
        ScoreTable(frame, source="a.csv")
    assert str(caught.value).startswith("a.csv: ")


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(ScoreTableError, match=r"scores\.parquet: no such file"):
        ScoreTable.read(tmp_path / "scores.parquet")
    for name in ("cut.parquet", "cut.csv"):
        (tmp_path / name).write_bytes(b"PAR1\x00\xff")
        with pytest.raises(ScoreTableError, match=name):
            ScoreTable.read(tmp_path / name)
    with pytest.raises(ScoreTableError, match=r"ends in \.parquet or \.csv"):
        ScoreTable.read(tmp_path / "scores.json")


@pytest.mark.parametrize("text", ["", "nan", "NA", "None", "NULL"])
def test_what_spreadsheets_write_for_nothing_is_undefined(tmp_path, text):
    (tmp_path / "s.csv").write_text(f"{','.join(scores.COLUMNS)}\npo18,unet,CE,0,0,1,a,polyp,dice,{text}\n")
    assert np.isnan(ScoreTable.read(tmp_path / "s.csv").frame["value"][0])


def test_a_table_of_a_spreadsheet_is_refused_with_what_is_wrong(tmp_path):
    (tmp_path / "s.csv").write_text(f"{';'.join(scores.COLUMNS)}\npo18;unet;CE;0;0;1;a;polyp;dice;0,5\n")
    with pytest.raises(ScoreTableError, match=r"separated by ';'; expected ',' and decimal points"):
        ScoreTable.read(tmp_path / "s.csv")
    for row, fields in (("0,81", 11), ("0.81,", 11)):
        (tmp_path / "s.csv").write_text(f"{','.join(scores.COLUMNS)}\npo18,unet,CE,0,0,1,a,polyp,dice,{row}\n")
        with pytest.raises(
            ScoreTableError, match=rf"line 2 has {fields} fields, the header 10: 'po18,.*decimal points"
        ):
            ScoreTable.read(tmp_path / "s.csv")
    (tmp_path / "s.csv").write_text(f"{','.join(scores.COLUMNS)}\npo18,unet,CE,0,0,1,a,polyp,dice\n\n")
    with pytest.raises(ScoreTableError, match=r"line 2 has 9 fields"):
        ScoreTable.read(tmp_path / "s.csv")
    with pytest.raises(ScoreTableError, match=r"row 1 has loss='CE ' .*; expected a name without blanks around it"):
        table({"loss": "CE"}, {"loss": "CE "})
    assert len(table({"case": "1"}, {"case": " 1"})) == 2


def test_values_average_seeds_and_sort_cases_naturally():
    found = table(
        {"case": "case 10", "seed": 0, "value": 0.2},
        {"case": "case 10", "seed": 1, "value": 0.6},
        *({"case": "case 2", "value": 1.0, "seed": seed} for seed in (0, 1)),
        *({"case": "case 2", "value": 0.0, "loss": "sDice", "seed": seed} for seed in (0, 1)),
    ).values(dataset="po18", metric="dice")
    assert list(found.index) == ["case 2", "case 10"]
    assert found.loc["case 10", "CE"] == pytest.approx(0.4)  # (0.2 + 0.6) / 2
    assert math.isnan(found.loc["case 10", "sDice"])  # never scored


def test_a_missing_seed_or_label_leaves_the_case_undefined():
    each = [{"case": case, "seed": seed, "label": label} for case in "12" for seed in (0, 1) for label in "ab"]
    whole = table(*each).values(dataset="po18", metric="dice", label="All")
    assert whole["CE"].tolist() == [0.5, 0.5]
    for row in range(4):  # the case 1 lacks one
        found = table(*(one for place, one in enumerate(each) if place != row)).values(
            dataset="po18", metric="dice", label="All"
        )
        assert np.isnan(found["CE"]["1"])
        assert found["CE"]["2"] == 0.5


def test_losses_of_other_seeds_are_not_one_comparison():
    mixed = table({"loss": "CE"}, {"loss": "sDice"}, {"loss": "sDice", "seed": 1})
    with pytest.raises(
        ScoreTableError, match="on 'po18' CE the seeds 0, sDice the seeds 0, 1: give every loss the same"
    ):
        mixed.values(dataset="po18", metric="dice")
    assert list(mixed.select(seed=0).values(dataset="po18", metric="dice")) == ["CE", "sDice"]


def test_one_undefined_seed_leaves_the_case_undefined():
    found = table({"seed": 0, "value": math.nan}, {"seed": 1, "value": 0.6}).values(dataset="po18", metric="dice")
    assert found.shape == (1, 1)
    assert math.isnan(found.loc["1", "CE"])


def test_several_labels_must_be_named_and_all_averages_them():
    scores_of = table({"label": "WT", "value": 0.9}, {"label": "ET", "value": 0.3})
    with pytest.raises(ScoreTableError, match=r"label=None does not name one label of \['ET', 'WT'\]"):
        scores_of.values(dataset="po18", metric="dice")
    assert scores_of.values(dataset="po18", metric="dice", label="WT").loc["1", "CE"] == 0.9
    assert scores_of.values(dataset="po18", metric="dice", label="All").loc["1", "CE"] == pytest.approx(0.6)


def test_several_models_must_be_named():
    with pytest.raises(ScoreTableError, match="model=None does not name one model"):
        table({}, {"model": "deepmedic"}).values(dataset="po18", metric="dice")


def test_a_case_left_out_twice_is_refused():
    with pytest.raises(ScoreTableError, match=r"case '1' of 'po18' was left out in 2 folds"):
        table({"fold": 0}, {"fold": 1}).values(dataset="po18", metric="dice")


def test_absent_scores_are_refused_with_what_there_is():
    with pytest.raises(
        ScoreTableError, match=r"no scores for 'jaccard' on 'po18'; the table has \[\('po18', 'dice'\)\]"
    ):
        table({}).values(dataset="po18", metric="jaccard")


def test_groups_belong_to_cases():
    assert table({"case": "1", "group": "a"}, {"case": "2", "group": "b"}).groups("po18").to_dict() == {
        "1": "a",
        "2": "b",
    }
    with pytest.raises(ScoreTableError, match=r"case '1' of 'po18' stands in the groups \['a', 'b'\]"):
        table({"group": "a"}, {"group": "b"}).groups("po18")


def test_losses_stand_in_the_papers_order():
    names = [
        "mine",
        "sTversky-1.0/1.0",
        "sTversky-0.9/0.1",
        "Lovasz",
        "sTversky-0.1/0.9",
        "sJaccard",
        "sDice",
        "wCE",
        "CE",
    ]
    assert scores.order_losses(names) == [
        "CE", "wCE", "sDice", "sJaccard", "Lovasz", "sTversky-0.1/0.9", "sTversky-0.9/0.1", "sTversky-1.0/1.0", "mine",
    ]  # fmt: skip


def test_concat_joins_and_refuses_repeated_keys():
    assert len(ScoreTable.concat([table({}), table({"case": "2"}), ScoreTable.from_rows([])])) == 2
    assert len(ScoreTable.concat([])) == 0
    with pytest.raises(ScoreTableError, match="repeats the key"):
        ScoreTable.concat([table({}), table({})])


def test_an_empty_table_survives_its_file(tmp_path):
    for name in ("a.csv", "a.parquet"):
        assert len(ScoreTable.read(ScoreTable.from_rows([]).write(tmp_path / name))) == 0


def test_select_refuses_unknown_columns():
    with pytest.raises(ScoreTableError, match="'losses'"):
        table({}).select(losses="CE")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=5), st.floats(0, 1) | st.just(math.nan)),
        min_size=1,
        unique_by=lambda x: x[0],
    )
)
def test_any_text_id_and_any_value_survive_csv(tmp_path_factory, pairs):
    pairs = [(case, value) for case, value in pairs if case.isprintable()]
    written = ScoreTable.from_rows([row(case=case, value=value) for case, value in pairs])
    read = ScoreTable.read(written.write(tmp_path_factory.mktemp("csv") / "scores.csv"))
    np.testing.assert_array_equal(read.frame["value"], written.frame["value"])
    assert list(read.frame["case"]) == list(written.frame["case"])
