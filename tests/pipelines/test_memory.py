import dataclasses
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import Augmentation, channel_statistics, memory
from kerasmetricloss.pipelines.batches import Stream

GOLDEN = Path(__file__).parent / "batches.json"
AUGMENTATION = Augmentation(translation_std=(1.0, 1.0, 0.5))


def stream(prepared, **changes):
    shift, scale = channel_statistics(prepared)
    return {"shift": shift, "scale": scale, "batch": 3, "augmentation": AUGMENTATION, "seed": 4, **changes}


def first(batches, count):
    return [batches[step] for step in range(count)]


def assert_equal(one, other):
    for (inputs, truth), (inputs2, truth2) in zip(one, other, strict=True):
        for x, y in zip((*inputs, truth), (*inputs2, truth2), strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_epoch_holds_every_case_once_with_a_smaller_last_batch(make_prepared):
    prepared = make_prepared(7)
    order = Stream(prepared=prepared, **stream(prepared))
    assert order.steps == 3
    for epoch in range(3):
        steps = [order.cases(3 * epoch + place) for place in range(3)]
        assert [len(cases) for _, cases in steps] == [3, 3, 1]
        assert sorted(np.concatenate([cases for _, cases in steps])) == list(range(7))
        assert {number for number, _ in steps} == {epoch}
    assert not np.array_equal(order.cases(0)[1], order.cases(3)[1])


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(make_prepared):
    prepared = make_prepared(6)
    batches = [memory.training_batches(prepared, **stream(prepared, seed=seed)) for seed in (4, 4, 5)]
    assert_equal(first(batches[0], 3), first(batches[1], 3))
    assert not np.array_equal(batches[0][0][0][0], batches[2][0][0][0])


def test_cubes_of_any_size_turn_alike_and_each_case_of_long_voxels_as_its_own_sizes_say(make_prepared):
    unknown = make_prepared(3, (9, 12, 7))
    cubes = [dataclasses.replace(case, voxel_mm=(2.1, 2.1, 2.1)) for case in unknown]
    same = [memory.training_batches(prepared, **stream(prepared)) for prepared in (unknown, cubes)]
    assert_equal(first(same[0], 2), first(same[1], 2))
    turning = Augmentation(rotation_std=(0.4, 0.4, 0.4))
    sizes = [(1.0, 1.0, 6.0), (1.0, 2.0, 3.0), None]
    long = [dataclasses.replace(case, voxel_mm=mm) for case, mm in zip(unknown, sizes, strict=True)]
    order = Stream(prepared=long, **stream(long, augmentation=turning))
    for position, matrix in zip(order.cases(0)[1], order.raw(0)["matrix"], strict=True):
        mm = np.array(sizes[position] or (1, 1, 1))
        np.testing.assert_allclose((in_mm := matrix * mm[:, None] / mm) @ in_mm.T, np.eye(3), atol=2e-3)


def test_a_resumed_training_goes_on_with_the_same_batches(make_prepared):
    prepared = make_prepared(6)
    whole = memory.training_batches(prepared, **stream(prepared))
    resumed = memory.training_batches(prepared, **stream(prepared), first_epoch=2)
    assert_equal([whole[4], whole[5]], first(resumed, 2))


def test_full_images_come_in_order_normalised_and_unchanged(make_prepared):
    prepared = make_prepared(6)
    shift, scale = channel_statistics(prepared)
    batches = memory.full_images(prepared, shift=shift, scale=scale, batch=3)
    assert batches.sizes == [3, 3]
    assert memory.full_images(prepared[:5], shift=shift, scale=scale, batch=3).sizes == [3, 2]
    assert len(batches) == 2
    images = np.concatenate([batches[i][0][0] for i in range(2)])
    np.testing.assert_allclose(images, [(case.image - shift) / scale for case in prepared], atol=1e-6)
    assert np.array_equal(np.concatenate([batches[i][1] for i in range(2)]), [case.truth for case in prepared])


@pytest.mark.parametrize("size", [(9, 12), (9, 8, 7)])
def test_every_backend_gives_the_batches_kept_here(make_prepared, size):
    prepared = make_prepared(6, size)
    # The first image of the second batch.
    (image, mask), truth = memory.training_batches(prepared, **stream(prepared))[1]
    image, mask, truth = image[0], mask[0], truth[0]
    kept = json.loads(GOLDEN.read_text())[str(len(size))]
    np.testing.assert_allclose(image.ravel(), kept["image"], atol=1e-5)
    assert mask.ravel().astype(int).tolist() == kept["mask"]
    assert truth.ravel().astype(int).tolist() == kept["truth"]


def test_fit_takes_them(make_prepared):
    prepared = make_prepared(4, (9, 18), margin=4, channels=2, labels=1)
    settings = stream(prepared, augmentation=None)
    net = models.unet_small(dimension=2, input_channels=2, filters=((2, 2), (2, 2), (2, 2)))
    net.compile("sgd", "binary_crossentropy")
    validation = memory.full_images(prepared, shift=settings["shift"], scale=settings["scale"], batch=3)
    training = memory.training_batches(prepared, **settings)
    history = net.fit(
        training, steps_per_epoch=2, epochs=3, validation_data=validation, shuffle=False, verbose=0
    ).history
    assert len(history["val_loss"]) == 3
    assert np.isfinite(list(itertools.chain(*history.values()))).all()


def test_fit_asks_for_the_batches_of_each_epoch_in_turn(make_prepared):
    prepared = make_prepared(4, (9, 18), margin=4, channels=2, labels=1)
    training = memory.training_batches(prepared, **stream(prepared, augmentation=None))
    asked = []
    raw = training._stream.raw
    object.__setattr__(training._stream, "raw", lambda step: asked.append(step) or raw(step))
    net = models.unet_small(dimension=2, input_channels=2, filters=((2, 2), (2, 2), (2, 2)))
    net.compile("sgd", "binary_crossentropy")
    net.fit(training, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
    # Keras looks at the first batches before it trains, and may fetch some ahead.
    trained = asked[len(asked) - 1 - asked[::-1].index(0) :]
    assert trained[:6] == [0, 1, 2, 3, 4, 5]


def test_cases_of_different_shape_are_named(make_prepared):
    prepared = [*make_prepared(2), *make_prepared(1, (12, 9))]
    with pytest.raises(DataError, match=r"case 0: the image has shape \(12, 9, 2\), but that of 0 has \(9, 12, 2\)"):
        memory.full_images(prepared, shift=np.zeros(2), scale=np.ones(2), batch=2)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch": 0}, "batches of 0"),
        ({"shift": np.zeros(3)}, r"shift has shape \(3,\), but the images have 2 channels"),
    ],
)
def test_settings_that_do_not_fit_are_named(make_prepared, setting, message):
    with pytest.raises(ValueError, match=message):
        memory.training_batches(make_prepared(2), **stream(make_prepared(2), **setting))


def test_no_case_is_an_error():
    with pytest.raises(ValueError, match="0 cases"):
        memory.full_images([], shift=np.zeros(2), scale=np.ones(2), batch=2)


def test_the_module_is_a_keras_dataset(make_prepared):
    prepared = make_prepared(2)
    assert isinstance(memory.training_batches(prepared, **stream(prepared)), keras.utils.PyDataset)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow feeds itself")
def test_augmented_batches_need_no_tensorflow():
    program = """
import sys
sys.modules["tensorflow"] = None  # an import of it raises ImportError
import numpy as np
from kerasmetricloss import pipelines
from kerasmetricloss.pipelines import memory
box = np.ones((6, 7, 1), "uint8")
case = pipelines.Prepared("1", np.ones((8, 9, 2), "float32"), box, box, None)
common = {"shift": np.zeros(2), "scale": np.ones(2), "batch": 1, "augmentation": pipelines.Augmentation(), "seed": 0}
(image, mask), truth = memory.training_batches([case], **common)[0]
print(image.shape, truth.shape)
"""
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=240)
    assert done.stdout.split("\n")[0] == "(1, 8, 9, 2) (1, 6, 7, 1)", done.stderr[-2000:]
