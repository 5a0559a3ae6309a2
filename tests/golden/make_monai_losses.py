"""Make monai_losses.json: MONAI's Dice, Tversky and generalized Dice losses on small random volumes.

    python3.11 -m venv /tmp/monai
    /tmp/monai/bin/pip install torch==2.13.0 monai==1.6.1
    /tmp/monai/bin/python tests/golden/make_monai_losses.py

Each entry names the MONAI class and its arguments, and holds the loss. Arrays are (batch, classes, *space).
"""

import json
from pathlib import Path

import monai
import numpy as np
import torch
from monai import losses

CASES = [
    ("DiceLoss", {}),
    ("DiceLoss", {"smooth_nr": 1.0, "smooth_dr": 1.0}),
    ("DiceLoss", {"squared_pred": True}),
    ("DiceLoss", {"jaccard": True}),
    ("DiceLoss", {"batch": True}),
    ("DiceLoss", {"batch": True, "smooth_nr": 1.0, "smooth_dr": 1.0}),
    ("DiceLoss", {"include_background": False}),
    ("TverskyLoss", {"alpha": 0.2, "beta": 0.8}),
    ("TverskyLoss", {"alpha": 0.9, "beta": 0.3, "batch": True}),
    ("GeneralizedDiceLoss", {"w_type": "square", "smooth_nr": 0.0, "smooth_dr": 0.0}),
]


def main() -> None:
    rng = np.random.default_rng(20)
    truth = (rng.random((2, 3, 4, 5)) > 0.5).astype(np.float32)
    prediction = rng.random(truth.shape).round(3).astype(np.float32)
    y, p = torch.tensor(truth), torch.tensor(prediction)
    cases = []
    for name, arguments in CASES:
        loss = getattr(losses, name)(**arguments)
        cases.append({"loss": name, "arguments": arguments, "value": float(loss(p, y))})
    golden = {
        "monai": monai.__version__,
        "truth": truth.astype(int).tolist(),
        "prediction": prediction.astype(float).round(3).tolist(),
        "cases": cases,
    }
    Path(__file__).with_name("monai_losses.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
