"""Make monai.json: Hausdorff and surface distances and Dice of MONAI on small anisotropic masks.

    python3.11 -m venv /tmp/monai
    /tmp/monai/bin/pip install torch==2.13.0 monai==1.6.1
    /tmp/monai/bin/python tests/golden/make_monai.py

The masks are stored as the flat indices of their voxels.
"""

import json
from pathlib import Path

import monai
import numpy as np
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage


def blobs(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random truth and a noisy prediction of it."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    field /= field.std()
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 1.0)
    return field > 0.9, field + 0.6 * noise / noise.std() > 1.0


def scores(truth: np.ndarray, prediction: np.ndarray, spacing: tuple[float, ...]) -> dict:
    y, p = (torch.tensor(mask[None, None]) for mask in (truth, prediction))
    settings = {"include_background": True, "spacing": list(spacing)}
    return {
        "hausdorff": compute_hausdorff_distance(p, y, **settings).item(),
        "hausdorff_95": compute_hausdorff_distance(p, y, percentile=95, **settings).item(),
        "surface_dice_2mm": compute_surface_dice(p, y, class_thresholds=[2.0], **settings).item(),
        "dice": compute_dice(p, y, include_background=True).item(),
    }


def main() -> None:
    rng = np.random.default_rng(7)
    cases = []
    for shape, spacing in (((13, 17), (1.0, 1.0)), ((13, 17), (0.5, 3.0)), ((9, 14, 11), (2.0, 0.7, 1.3))):
        for _ in range(3):
            truth, prediction = blobs(rng, shape)
            voxels = {"truth": np.flatnonzero(truth).tolist(), "prediction": np.flatnonzero(prediction).tolist()}
            cases.append({"shape": shape, "spacing": spacing, **voxels, **scores(truth, prediction, spacing)})
    golden = {"made_by": f"make_monai.py with MONAI {monai.__version__} on torch {torch.__version__}", "cases": cases}
    Path(__file__).with_name("monai.json").write_text(json.dumps(golden) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
