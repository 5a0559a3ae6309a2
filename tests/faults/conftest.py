"""Small folders in the layouts of ISLES, WMH 2017, charts of teeth and any folder, to be broken by the tests."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, open_dataset, verify

from .small_scans import GOOD, GOOD_TRUTH, is17, is18

IS17, IS18 = ("ADC", "Tmax", "MTT", "TTP", "rCBF", "rCBV"), ("Tmax", "MTT", "CBF", "CBV")


def files_of(name):
    """Every file of two cases in a layout: path -> whether it is a truth."""
    if name == "is17":
        return {
            is17(c, w): w == "OT" for c in ("training_2", "training_10") for w in [f"MR_{m}" for m in IS17] + ["OT"]
        }
    if name == "is18":
        words = ["CT", *(f"CT_{m}" for m in IS18), "OT"]
        return {is18(c, w): w == "OT" for c in ("case_2", "case_10") for w in words}
    if name == "wm17":
        files = [
            (case, file) for case in ("Utrecht/2", "Amsterdam/GE3T/100") for file in ("pre/FLAIR", "pre/T1", "wmh")
        ]
        return {f"{case}/{file}.nii.gz": file == "wmh" for case, file in files}
    return {f"{case}/{file}.nii": file == "msk" for case in ("a 2", "ä10") for file in ("adc", "dwi", "msk")}


@pytest.fixture
def build(tmp_path):
    """``build(name)``: two good cases in the layout of a data set, in a folder with spaces and accents."""

    def write(name):
        root = tmp_path / "Daten é 1"
        for path, is_truth in files_of(name).items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            data = GOOD_TRUTH if is_truth else GOOD
            file.write_bytes(gzip.compress(data, mtime=0) if path.endswith(".gz") else data)
        return root

    return write


@pytest.fixture
def refused():
    """``refused(name, root, match, case=, file=, **settings)``: one line with file and mend, and nothing written."""

    def check(name, root, match, *, case, file, **settings):
        before = _snapshot(root)
        with pytest.raises(DataError, match=match) as error:
            verify(open_dataset(name, root, **settings))
        assert error.value.case == case
        assert str(error.value.file) == str(root / file)
        assert error.value.mend
        assert "\n" not in str(error.value)
        assert _snapshot(root) == before

    return check


def _snapshot(root):
    return {str(path.relative_to(root)): path.lstat().st_mtime_ns for path in sorted(root.rglob("*"))}


def _chart(root, case, *, molar=True, form="PNG"):
    pixels = np.full((24, 30), 37, np.uint8)
    if molar:
        pixels[8:14, 12:20] = 38
    for folder, name, data in (("images", f"{case}.png", np.full((24, 30), 90, np.uint8)), ("labels", case, pixels)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        suffix = "" if folder == "images" else {"PNG": ".png", "JPEG": ".jpg"}[form]
        buffer = io.BytesIO()
        Image.fromarray(data).save(buffer, format="PNG" if folder == "images" else form)
        (root / folder / f"{name}{suffix}").write_bytes(buffer.getvalue())


@pytest.fixture
def charts(tmp_path):
    """Two radiographs with charts of label numbers; the second lacks the number 38."""
    root = tmp_path / "Röntgen 1"
    _chart(root, "1")
    _chart(root, "2", molar=False)
    return root


@pytest.fixture
def add_chart():
    return _chart
