"""How a notebook is compared with another run, and that each one is paired with its source."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("jupytext", reason="needs the extra 'notebooks'")
nbformat = pytest.importorskip("nbformat")

HERE = Path(__file__).parents[2] / "notebooks"
SPEC = importlib.util.spec_from_file_location("build_notebooks", HERE / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)

NOTEBOOKS = build.sources()
CODE, PROSE = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def with_outputs(*outputs, tags=()):
    return notebook(CODE("f()", outputs=list(outputs), metadata={"tags": list(tags)}))


def printed(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def picture():
    return nbformat.v4.new_output("display_data", data={"image/png": "aGVsbG8="})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_both_files_are_the_same(path):
    stored = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert build.unpaired(build.read_source(path), stored) == ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_keeps_the_rules_and_shows_no_error(path):
    stored = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert build.rules(stored) == []
    outputs = [output for cell in build.code_cells(stored) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_table_of_the_readme_has_every_notebook(path):
    assert f"]({path.stem}.ipynb)" in (HERE / "README.md").read_text(encoding="utf-8")


def test_a_number_may_move_a_little_and_no_more():
    assert build.same_text("Dice 0.700 of 60", "Dice 0.715 of 60")  # 0.015 apart
    assert not build.same_text("Dice 0.700 of 60", "Dice 0.750 of 60")
    assert build.same_text("Dice 0.700", "Dice 0.100", varies=True)


def test_words_may_not_change_but_the_space_between_them_may():
    assert build.same_text("a  0.5\n b 12,000", "a 0.5 b  12,000")
    assert not build.same_text("Dice 0.5", "Jaccard 0.5", varies=True)


def test_a_minus_sign_is_part_of_a_number_and_nan_is_one():
    assert not build.same_text("slope -1", "slope 1")
    assert not build.same_text("slope −1", "slope 1")
    assert build.same_text("nan", "nan")
    assert not build.same_text("nan", "0.5")


def test_digits_in_a_name_are_words():
    assert not build.same_text("F2 0.5", "F1 0.5", varies=True)


def test_a_changed_output_is_told_with_its_cell():
    (told,) = build.differences(with_outputs(printed("Dice 0.5")), with_outputs(printed("Dice 0.9")))
    assert "Dice 0.5" in told
    assert "Dice 0.9" in told
    assert build.differences(with_outputs(printed("p 0.5")), with_outputs(printed("p 0.5"))) == []


def test_a_cell_that_varies_is_compared_without_its_numbers():
    stored, found = (with_outputs(printed(f"Dice {x}"), tags=["varies"]) for x in (0.5, 0.9))
    assert build.differences(stored, found) == []


def test_a_picture_that_is_gone_is_told():
    assert build.differences(with_outputs(picture()), with_outputs()) != []
    assert build.differences(with_outputs(picture()), with_outputs(picture())) == []


def test_a_changed_or_added_cell_is_told():
    one = notebook(CODE("x = 1"), PROSE("a"))
    assert build.unpaired(one, notebook(CODE("x = 2"), PROSE("a"))) == "cell 1 differs between .py and .ipynb"
    assert "2 cells" in build.unpaired(one, notebook(CODE("x = 1")))
    assert build.unpaired(one, notebook(CODE("x = 1"), PROSE("a"))) == ""


def test_a_notebook_without_picture_exercise_or_with_long_cells_is_refused():
    long = "\n".join(["import numpy", *(f"x = {i}" for i in range(build.MOST_LINES + 1))])
    broken = build.rules(notebook(CODE(long)))
    assert [text.split(" ", 1)[0] for text in broken[:2]] == ["it", "it"]
    assert f"{build.MOST_LINES + 1} lines" in broken[2]
    good = notebook(CODE("f()", outputs=[picture()]), PROSE("<details>b</details>"))
    assert build.rules(good) == []


def test_a_section_that_shows_without_asking_is_named():
    silent = notebook(PROSE("# 1 · A title"), PROSE("## Dice\n\nTwice the common part."), CODE("f()"))
    assert build.unasked(silent) == ["Dice"]
    assert '"Dice" shows without asking' in " ".join(build.rules(silent))
    asking = notebook(PROSE("## Dice"), CODE("f()"), PROSE("So far.\n\n**Predict.** Is it 1/2?"), CODE("g()"))
    assert build.unasked(asking) == []


def test_a_question_counts_for_its_own_section_only():
    two = notebook(PROSE("## Dice\n\n**Predict.** Is it 1/2?"), CODE("f()"), PROSE("It is.\n\n## Jaccard"), CODE("g()"))
    assert build.unasked(two) == ["Jaccard"]


def test_sections_that_set_up_or_close_need_not_ask():
    titles = sorted(build.SETTING_UP | build.CLOSING)
    assert build.unasked(notebook(*(PROSE(f"## {title}") for title in titles))) == []


def test_no_exemption_outlives_its_section():
    titles = {line.removeprefix("# ## ") for path in NOTEBOOKS for line in path.read_text("utf-8").splitlines()}
    assert titles >= build.SETTING_UP | build.CLOSING


def test_notebooks_within_their_time_are_not_told():
    assert build.too_slow({}) == []
    assert build.too_slow({"01_a": 360.0, "02_b": 60.0}) == []


def test_a_notebook_that_takes_too_long_is_named_with_its_seconds():
    (told,) = build.too_slow({"01_a": 20.0, "02_b": 361.4})
    assert told == "02_b took 361 s, more than the 360 s that one notebook may take"


def test_notebooks_that_take_too_long_together_are_told_with_the_longest():
    (told,) = build.too_slow({f"{k:02}_a": 300.0 + k for k in range(6)})  # 6 * 300 + 15 = 1815
    assert told.startswith("all took 1815 s, more than the 1800 s")
    assert told.endswith("the longest is 05_a, 305 s")


def test_a_slow_notebook_is_told_and_does_not_fail(monkeypatch, capsys):
    clock = iter(range(0, 10_000, 400))
    monkeypatch.setattr(build, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for step in ("check", "build"):
        monkeypatch.setattr(build, step, lambda path: None)
    monkeypatch.setattr(build.sys, "argv", ["build.py", "--check", "01"])
    assert build.main() == 0
    assert f"slow: {NOTEBOOKS[0].stem} took 400 s" in capsys.readouterr().out
    monkeypatch.setattr(build.sys, "argv", ["build.py", "01"])
    assert build.main() == 0
    assert "slow" not in capsys.readouterr().out


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_problem_of_one_notebook_fails_the_check_and_not_the_others(monkeypatch, capsys, jobs):
    first, second = NOTEBOOKS[:2]
    monkeypatch.setattr(build, "execute", lambda path: None)
    monkeypatch.setattr(build, "differences", lambda stored, found: [])
    monkeypatch.setattr(build, "unpaired", lambda source, stored: "")
    monkeypatch.setattr(build, "rules", lambda stored: [])
    monkeypatch.setattr(build, "read_source", _raising(first))
    monkeypatch.setattr(build.sys, "argv", ["build.py", "--check", "--jobs", jobs, first.stem, second.stem])
    assert build.main() == 1
    said = capsys.readouterr().out
    assert "FAILED: broken" in said.splitlines()[0]
    assert "as stored" in said.splitlines()[1]


def _raising(broken):
    def read(path):
        if path == broken:
            raise build.Problem("broken")

    return read


def test_an_unknown_number_is_refused_with_the_known_ones():
    with pytest.raises(build.Problem, match=NOTEBOOKS[0].stem):
        build.sources(["99"])
