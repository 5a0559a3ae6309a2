"""The built wheel, installed in an environment of its own with Keras, NumPy and JAX and nothing else."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[1]
CODE = """
import sys
import numpy as np
from kerasmetricloss import SoftDice
y_true = np.array([[[1.0], [1.0], [0.0]]])
y_pred = np.array([[[0.5], [1.0], [0.5]]])
# 1 - 2 (0.5 + 1) / (2 + 2) = 0.25
assert abs(float(SoftDice()(y_true, y_pred)) - 0.25) < 1e-6
print(*sorted({'tensorflow', 'torch', 'nibabel', 'pandas', 'matplotlib', 'scipy.spatial'} & set(sys.modules)))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="installs JAX: part of make test-backends")
def test_soft_dice_needs_keras_numpy_and_a_backend_and_nothing_else(tmp_path):
    sources = tmp_path / "sources"
    shutil.copytree(ROOT / "kerasmetricloss", sources / "kerasmetricloss", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(sources)],
        check=True,
        capture_output=True,
    )
    wheel = next(tmp_path.glob("kerasmetricloss-*.whl"))
    venv.create(tmp_path / "alone", with_pip=True)
    python = tmp_path / "alone" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel), "jax"], check=True, capture_output=True)
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([python, "-c", CODE], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
