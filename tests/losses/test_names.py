"""Losses by name, and the paper's name of a loss."""

import csv
from pathlib import Path

import keras
import pytest

from kerasmetricloss import losses
from kerasmetricloss.losses import catalog, from_name, paper_name

TABLES = Path(__file__).parents[2] / "data" / "paper" / "tables.csv"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CE", "CrossEntropy()"),
        ("wCE", "WeightedCrossEntropy(prior=0.1)"),
        ("sDice", "SoftDice()"),
        ("sDice-L1", "SoftDice()"),
        ("sDice-L2", "SoftDice(norm=2)"),
        ("sJaccard", "SoftJaccard()"),
        ("Lovasz", "LovaszSigmoid()"),
        ("Lovász", "LovaszSigmoid()"),
        ("Lovasz-bins1000", "LovaszSigmoid(bins=1000)"),
        ("sTversky-0.3/0.7", "SoftTversky(alpha=0.3, beta=0.7)"),
        ("sTversky-1.0/1", "SoftTversky(alpha=1.0, beta=1.0)"),
        ("SoftJaccard", "SoftJaccard()"),
        ("ce", "CrossEntropy()"),
        ("sdice", "SoftDice()"),
        ("SDICE-l2", "SoftDice(norm=2)"),
        ("lovász-BINS10", "LovaszSigmoid(bins=10)"),
        ("stversky-0.3/0.7", "SoftTversky(alpha=0.3, beta=0.7)"),
        ("softdice", "SoftDice()"),
        ("LovaszHinge", "LovaszHinge(from_logits=True)"),
        ("kerasmetricloss.losses:GeneralizedDice", "GeneralizedDice()"),
    ],
)
def test_builds_the_loss_of_that_name(name, expected):
    assert repr(from_name(name, prior=0.1)) == expected


def test_every_name_in_the_papers_tables_is_known_and_comes_back():
    with TABLES.open() as file:
        names = {row["loss"] for row in csv.DictReader(file)}
    assert len(names) == 18
    for name in names:
        assert paper_name(from_name(name, prior=0.1)) == ("sDice" if name == "sDice-L1" else name)


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.loss.__name__)
def test_the_catalog_describes_every_loss_by_both_names(entry):
    assert entry.formula
    assert entry.use.endswith(".")
    for name in filter(None, (entry.name.replace("A/B", "0.3/0.7"), entry.loss.__name__)):
        assert type(from_name(name, prior=0.1)) is entry.loss


def test_settings_reach_the_loss():
    assert from_name("sDice-L2", pool="batch").get_config()["pool"] == "batch"
    assert from_name("sTversky-0.3/0.7", include=[1]).layout.include == (1,)
    assert from_name("wCE", foreground=3, background=1).foreground == 3


def test_names_of_losses_the_paper_does_not_have():
    assert paper_name(losses.LovaszSigmoid(bins=64)) == "Lovasz-bins64"
    assert paper_name(losses.FocalTversky()) == "FocalTversky"
    assert paper_name("my.module:Loss") == "my.module:Loss"
    assert paper_name(keras.losses.Dice()) == "Dice"
    assert paper_name(losses.SoftDice(norm=3)) == "sDice-L3"


def test_one_class_of_two_names_has_each_of_them():
    assert (paper_name("sdice"), paper_name("SDICE-L2"), paper_name(losses.SoftDice())) == (
        "sDice",
        "sDice-L2",
        "sDice",
    )
    assert {"sDice", "sDice-L2"} <= {entry.name for entry in catalog()}


def test_a_loss_of_ones_own():
    assert isinstance(from_name("keras.losses:Dice", axis=(1, 2)), keras.losses.Dice)
    with pytest.raises(TypeError, match=r"expected a keras\.losses\.Loss"):
        from_name("kerasmetricloss.losses:catalog")
    with pytest.raises(TypeError, match=r"cannot be called with no arguments .*'y_true'.* of such a class"):
        from_name("keras.losses:binary_crossentropy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dice", "there is no loss 'dice': expected one of CE, wCE, sDice, sDice-L2, sJaccard, Lovasz, sTversky-A/B"),
        ("sTversky-0.3", "there is no loss"),
        ("wCE", "wCE needs the share of the foreground: pass prior="),
        ("no.such:Loss", r"'no.such:Loss' cannot be imported \(ModuleNotFoundError: No module named 'no'\)"),
        (":Loss", r"':Loss' cannot be imported \(ValueError"),
        ("kerasmetricloss.losses:Nothing", "module kerasmetricloss.losses has no 'Nothing'"),
    ],
)
def test_errors_say_what_was_expected(name, message):
    with pytest.raises(ValueError, match=message):
        from_name(name)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def loss(:", "SyntaxError"),
        ("Loss = undefined", "NameError"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("from keras import no_such_loss", "ImportError"),
    ],
)
def test_what_a_module_raises_while_it_is_imported_is_said_with_its_type(tmp_path, monkeypatch, source, error):
    module = f"own_{error.lower()}"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=rf"'{module}:Loss' cannot be imported \({error}: "):
        from_name(f"{module}:Loss")
