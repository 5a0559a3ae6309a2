"""Options of `run` that would change nothing are refused before Keras is loaded."""

import pytest

from kerasmetricloss.cli import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--address", "auto"), "--address is for --engine ray"),
        (("--cpus-per-cell", "2"), "--cpus-per-cell is for --engine ray"),
        (("--gpus-per-cell", "0"), "--gpus-per-cell is for --engine ray"),
        (("--root", ".", "--cases", "4"), "--cases is for phantoms, and --root names a folder"),
        (("--splits", "folds.txt", "--folds", "3"), "--folds is for folds that are made, and --splits names a file"),
        (("--splits", "folds.txt", "--folds-by", "case"), "--folds-by is for folds that are made"),
        (("--losses", " , "), "' , ' names nothing"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        main(["run", "table2", "--dataset", "po18", "--out", str(tmp_path / "out"), *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_images_for_what_is_drawn_from_formulas_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", "fig1", "--root", str(tmp_path), "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert "fig1 is drawn from formulas, not from images: leave out --root" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
