"""A training spread over two devices gives what one gives; where it cannot be spread, the error says why."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasmetricloss import studies
from kerasmetricloss.studies.devices import Filled, fill

ON_JAX = keras.backend.backend() == "jax"
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"

# 7 pictures in 2 folds train on 3 and are validated on 4, or the other way round: in pairs, with one left over.
STUDY = """
import dataclasses, json, pathlib, runpy, sys
import jax, keras
import numpy as np
from kerasmetricloss import studies
from kerasmetricloss.scores import ScoreTable

conftest, pictures, out = map(pathlib.Path, sys.argv[1:])
request_for = runpy.run_path(str(conftest))["tiny_request"]

parts, make = set(), jax.make_array_from_process_local_data

def noted(*arguments):
    array = make(*arguments)
    parts.add(tuple((shard.device.id, len(shard.data)) for shard in array.addressable_shards))
    return array

jax.make_array_from_process_local_data = noted

def results(devices):
    request = request_for(pictures, out / str(devices), folds=2, devices=devices)
    setup = dataclasses.replace(request.setup, network=request.setup.network | {"filters": [[2], [2]]})
    request = dataclasses.replace(request, setup=setup.with_training(batch=2))
    studies.run(request)
    cells = {cell.name: cell for cell in (request.out / "cells").glob("po18-*")}
    history = {name: json.loads((cell / "history.json").read_text()) for name, cell in cells.items()}
    said = {json.loads((cell / "result.json").read_text())["devices"] for cell in cells.values()}
    said.add(json.loads((request.out / "study.json").read_text())["datasets"]["po18"]["devices"])
    frame = ScoreTable.read(request.out / "scores.parquet").frame
    assert keras.distribution.distribution() is None
    placed = max(len(array.sharding.device_set) for array in jax.live_arrays())
    return {"said": said, "weights": placed, "parts": set(parts)}, history, frame

(said, curves, table), (said_two, curves_two, table_two) = results(1), results(2)
# Every image of every batch lies on a device of its own.
assert said == {"said": {1}, "weights": 1, "parts": set()}, said
assert said_two == {"said": {2}, "weights": 2, "parts": {((0, 1), (1, 1))}}, said_two
assert len(curves) == 6 and sorted(curves) == sorted(curves_two)
same_loss = 0
for name, epochs in curves.items():
    one, two = ({key: [row[key] for row in rows] for key in rows[0]} for rows in (epochs, curves_two[name]))
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], rtol=1e-4, err_msg=name)
    assert two["rate"] == one["rate"]
    same_loss += np.allclose(two["loss"], one["loss"], rtol=1e-4)
# No batch is filled up in the fold that trains on 4.
assert same_loss == 3
keys = [name for name in table if name != "value"]
assert table[keys].equals(table_two[keys])
# A pixel at the threshold may fall on either side.
np.testing.assert_allclose(table_two["value"], table["value"], rtol=0.01)
print("same")
"""


class Batches(keras.utils.PyDataset):
    """Batches of 5 and 2 images of one pixel, numbered from 1."""

    sizes = (5, 2)

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, number):
        first = sum(self.sizes[:number]) + 1
        images = np.arange(first, first + self.sizes[number], dtype="float32").reshape(-1, 1, 1)
        return (images, images + 10), images + 20


@pytest.mark.skipif(not ON_JAX, reason="keras.distribution is for JAX")
def test_two_devices_give_the_losses_and_scores_of_one(pictures, tmp_path):
    conftest = Path(__file__).with_name("conftest.py")
    environment = os.environ | {"XLA_FLAGS": f"{FLAGS} --xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", STUDY, str(conftest), str(pictures), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "same\n"


def test_each_step_is_the_mean_over_its_own_images():
    (image, mask), truth, weight = Filled(Batches(), 3)[0]
    # 5 images on 3 devices are filled up to 6: 6/5 each, so that sum / 6 is the mean of the five.
    np.testing.assert_allclose(weight, [1.2] * 5 + [0], rtol=1e-7)
    assert image[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 1]
    assert mask[:, 0, 0].tolist() == [11, 12, 13, 14, 15, 11]
    assert truth[:, 0, 0].tolist() == [21, 22, 23, 24, 25, 21]


def test_a_pass_over_the_validation_is_the_mean_over_all_its_images():
    filled = Filled(Batches(), 3, sizes=Batches.sizes)
    weights = [filled[i][2] for i in range(filled.num_batches)]
    # 5 and 2 become 6 and 3: 9/7 each; Keras' mean over the epoch divides by 6 + 3.
    np.testing.assert_allclose(weights[0], [9 / 7] * 5 + [0], rtol=1e-7)
    np.testing.assert_allclose(weights[1], [9 / 7] * 2 + [0], rtol=1e-7)
    assert sum(w.sum() for w in weights) / 9 == pytest.approx(1)


def test_what_the_devices_divide_is_left_as_it_is():
    images = np.zeros((4, 3, 1))
    assert fill(images, 2) is images


@pytest.mark.skipif(ON_JAX, reason="JAX can")
def test_several_devices_without_jax_are_refused_with_the_reason(pictures, tmp_path, request_for):
    with pytest.raises(studies.StudyError, match=r"--devices 2 needs the JAX backend.* Set KERAS_BACKEND=jax"):
        request_for(pictures, tmp_path, devices=2)


def test_no_device_is_refused(pictures, tmp_path, request_for):
    with pytest.raises(studies.StudyError, match=r"--devices 0: a training takes at least 1"):
        request_for(pictures, tmp_path, devices=0)


@pytest.mark.skipif(not ON_JAX, reason="only JAX is asked for its devices")
def test_more_devices_than_there_are_is_refused_before_a_file_is_read(tmp_path, request_for):
    request = request_for(tmp_path / "nowhere", tmp_path / "out", devices=64)
    with pytest.raises(studies.StudyError, match=r"--devices 64: JAX sees \d+ here .*Take --devices \d+"):
        studies.run(request)
    assert not request.out.exists()


@pytest.mark.skipif(not ON_JAX, reason="a request of two devices is for JAX")
def test_a_cell_on_ray_asks_for_as_many_gpus_as_devices(pictures, tmp_path, request_for):
    request = request_for(pictures, tmp_path, folds=2, devices=2)
    with pytest.raises(studies.StudyError, match=r"asks Ray for 1 GPU .* Take --gpus-per-cell 2"):
        studies.run(request, engine=functools.partial(studies.run_ray, gpus_per_cell=1))
