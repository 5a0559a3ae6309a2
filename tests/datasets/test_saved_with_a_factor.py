"""Label maps that another program saved as bytes with a factor hold the same labels."""

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset, write_phantom
from kerasmetricloss.datasets.brats import LABELS


@pytest.mark.parametrize("name", ["br18", "is17", "is18", "wm17"])
def test_labels_saved_with_a_factor_are_those_of_whole_numbers(tmp_path, name):
    root = write_phantom(name, tmp_path / "root", cases=1, seed=2, size=(36, 32, 34))
    labels = tuple(LABELS) if name == "br18" else None
    (case,) = open_dataset(name, root, labels=labels)
    before, file = case.read(), case.files[-1]
    stored = nib.load(file)
    scaled = nib.Nifti1Image(np.asarray(stored.dataobj).astype("float32"), stored.affine)
    scaled.set_data_dtype("uint8")
    nib.save(scaled, file)
    assert not np.isin(np.asarray(nib.load(file).dataobj), np.arange(256)).all()  # 64 / 255 is no power of two
    after = open_dataset(name, root, labels=labels)[0].read()
    assert before.truth.any()
    np.testing.assert_array_equal(after.truth, before.truth)
    np.testing.assert_array_equal(after.ignore, before.ignore)
