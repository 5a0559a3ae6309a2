import numpy as np
import pytest

from kerasmetricloss.datasets import Case, Volume
from kerasmetricloss.pipelines import Preparation, Prepared
from kerasmetricloss.pipelines.inference import TrainedOn


def trained(**changes):
    """What a model was trained on: volumes of two channels."""
    settings = {
        "dataset": "fake",
        "channels": ("c0", "c1"),
        "labels": ("l0",),
        "preparation": Preparation(spacing_mm=2.0, output_size=(10, 10, 10), margin=4),
        "shift": (10.0, 0.0),
        "scale": (2.0, 1.0),
    }
    return TrainedOn(**{**settings, **changes})


@pytest.fixture
def make_case(tmp_path):
    """A case whose reader gives these arrays, standing on one small file."""

    def make(volume, case_id="1", reader=None):
        path = tmp_path / f"{case_id}.bin"
        path.write_bytes(volume.image.tobytes())
        return Case(
            dataset="fake",
            id=case_id,
            group=case_id,
            channels=tuple(f"c{i}" for i in range(volume.image.shape[-1])),
            labels=tuple(f"l{i}" for i in range(volume.truth.shape[-1])),
            files=(path,),
            reader=reader or (lambda case: volume),
        )

    return make


@pytest.fixture
def volume():
    """A scan of 6x5x4 voxels of 1x1x2 mm with a block of foreground."""
    random = np.random.default_rng(0)
    truth = np.zeros((6, 5, 4, 1), "uint8")
    truth[1:5, 1:4, 1:3] = 1
    return Volume(
        image=random.normal(10, 3, (6, 5, 4, 2)).astype("float32"),
        truth=truth,
        mask=np.ones((6, 5, 4), bool),
        spacing_mm=(1.0, 1.0, 2.0),
        affine=np.diag([1.0, 1.0, 2.0, 1.0]),
    )


@pytest.fixture
def make_prepared():
    """Random prepared cases; the output box is smaller than the input box by the margin on each side."""

    def make(count, size=(9, 12), *, margin=2, channels=2, labels=2):
        random = np.random.default_rng(1)
        out = tuple(n - 2 * margin for n in size)
        return [
            Prepared(
                case_id=str(i),
                image=random.normal(5, 3, (*size, channels)).astype("float32"),
                truth=(random.random((*out, labels)) > 0.5).astype("uint8"),
                mask=np.ones((*out, 1), "uint8"),
                voxel_mm=None,
            )
            for i in range(count)
        ]

    return make
