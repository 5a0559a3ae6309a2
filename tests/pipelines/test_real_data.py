"""Real folders prepared and augmented, where the variable KML_DATA names the folder that holds them."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset
from kerasmetricloss.pipelines import Augmentation, Preparation, channel_statistics, memory, prepare

ROOT = Path(os.environ.get("KML_DATA", "/nonexistent"))
VOLUME = Preparation(output_size=(64, 64, 48), spacing_mm=3.0)
STROKES = {"images": ["*/*dwi.nii*", "*/*adc.nii*"], "truth": ["*/*msk.nii*"]}


@pytest.mark.parametrize(
    ("folder", "name", "settings", "preparation"),
    [
        ("brats2018", "br18", {}, VOLUME),
        ("wmh_subjects", "wm17", {"mask": "T1>6000"}, VOLUME),
        ("isles2022", "folder", STROKES, VOLUME),
        ("cvc_clinicdb", "po18", {}, Preparation(output_size=(72, 96), picture_size=(96, 72))),
        (
            "panoramic_teeth",
            "mo17",
            {"label": 38, "unsqueeze": (995, 563), "absent": "skip"},
            Preparation(output_size=(109, 109), picture_size=(109, 109)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_real_case_is_prepared_and_augmented(folder, name, settings, preparation):
    if not (ROOT / folder).is_dir():
        pytest.skip(f"KML_DATA names no folder with {folder}")
    prepared = prepare(open_dataset(name, ROOT / folder, problems=[], **settings)[0], preparation)
    assert prepared.image.shape[:-1] == prepared.truth.shape[:-1] == preparation.output_size
    assert prepared.truth.any()
    shift, scale = channel_statistics([prepared])
    # Small motions: what is foreground stays so for the most part.
    augmentation = Augmentation(rotation_std=0.05, translation_std=(1.0, 1.0, 1.0), flip=0.0)
    batches = memory.training_batches([prepared], shift=shift, scale=scale, batch=1, augmentation=augmentation, seed=0)
    (image, mask), truth = (np.asarray(one) for one in batches[0][0]), np.asarray(batches[0][1])
    assert np.isfinite(image).all()
    assert set(np.unique(mask)) <= {0, 1}
    assert truth.sum() == pytest.approx(prepared.truth.sum(), rel=0.5)
