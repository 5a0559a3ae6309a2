import os
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.data feeds the TensorFlow backend", allow_module_level=True)

from kerasmetricloss import models
from kerasmetricloss.pipelines import Augmentation, Patches, channel_statistics, memory, tfdata
from kerasmetricloss.pipelines.batches import Stream


def settings(prepared, **changes):
    shift, scale = channel_statistics(prepared)
    common = {"shift": shift, "scale": scale, "batch": 3, "augmentation": Augmentation(), "seed": 4}
    return {**common, **changes}


def arrays(element):
    (image, mask), truth = element
    return image.numpy(), mask.numpy(), truth.numpy()


def assert_equal(elements, expected):
    count = 0
    for element, ((image, mask), truth) in zip(elements, expected, strict=True):
        for x, y in zip(arrays(element), (image, mask, truth), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-5)
        count += 1
    assert count


@pytest.mark.parametrize("size", [(9, 12), (9, 8, 7)])
@pytest.mark.parametrize("augmentation", [None, Augmentation(translation_std=(1.0, 1.0, 1.0))])
def test_training_batches_are_those_from_memory(make_prepared, size, augmentation):
    prepared = make_prepared(4, size)
    common = settings(prepared, augmentation=augmentation)
    expected = memory.training_batches(prepared, **common)
    assert_equal(tfdata.training_batches(prepared, **common).take(3), [expected[step] for step in range(3)])


def test_a_new_iterator_gives_the_same_batches_again(make_prepared):
    prepared = make_prepared(4)
    dataset = tfdata.training_batches(prepared, **settings(prepared)).take(3)
    for one, other in zip(dataset, dataset, strict=True):
        for x, y in zip(arrays(one), arrays(other), strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_resumed_training_goes_on_with_the_same_batches(make_prepared):
    prepared = make_prepared(4)
    expected = memory.training_batches(prepared, **settings(prepared))
    resumed = tfdata.training_batches(prepared, **settings(prepared), first_epoch=2).take(2)
    assert_equal(resumed, [expected[4], expected[5]])


def test_full_images_are_those_from_memory_and_end(make_prepared):
    prepared = make_prepared(4)
    shift, scale = channel_statistics(prepared)
    expected = memory.full_images(prepared, shift=shift, scale=scale, batch=3)
    dataset = tfdata.full_images(prepared, shift=shift, scale=scale, batch=3)
    assert int(dataset.cardinality()) == 2
    assert_equal(dataset, [expected[0], expected[1]])


@pytest.mark.parametrize("device", [None, "/CPU:0"])
@pytest.mark.parametrize("augmentation", [None, Augmentation(translation_std=(1.0, 1.0, 1.0))])
def test_patches_are_those_from_memory_wherever_they_are_cut(make_prepared, augmentation, device):
    prepared = make_prepared(3, (12, 11, 10))
    patches = Patches(output_size=(4, 3, 2), margin=1, volumes=2, foreground=0.5)
    common = settings(prepared, augmentation=augmentation)
    expected = memory.patch_batches(prepared, patches, **common)
    batches = tfdata.patch_batches(prepared, patches, **common, device=device)
    assert_equal(batches.take(3), [expected[step] for step in range(3)])


def test_resumed_patches_go_on(make_prepared):
    prepared = make_prepared(3, (12, 11, 10))
    patches = Patches(output_size=(4, 3, 2), margin=1, volumes=2)
    expected = memory.patch_batches(prepared, patches, **settings(prepared))
    resumed = tfdata.patch_batches(prepared, patches, **settings(prepared), first_epoch=2).take(1)
    assert_equal(resumed, [expected[4]])


@pytest.mark.parametrize(("most", "passes"), [(2**28, 1), (0, 2)])
def test_full_images_are_made_once_where_they_fit_in_memory(make_prepared, monkeypatch, most, passes):
    monkeypatch.setattr(tfdata, "MOST_KEPT", most)
    prepared = make_prepared(4)
    made, in_order = [], Stream.in_order
    monkeypatch.setattr(Stream, "in_order", lambda self, number: made.append(number) or in_order(self, number))
    common = settings(prepared)
    dataset = tfdata.full_images(prepared, **{key: common[key] for key in ("shift", "scale", "batch")})
    made.clear()  # the first batch was looked at for its shapes
    first, second = (list(map(arrays, dataset)) for _ in range(2))
    assert len(made) == passes * len(first)
    for one, other in zip(first, second, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)


def test_no_thread_of_tensorflow_tunes_what_the_end_of_an_iterator_would_wait_for(make_prepared):
    # An iterator joins that thread where it ends, which sleeps for seconds at a time.
    prepared = make_prepared(4)
    dataset = tfdata.training_batches(prepared, **settings(prepared))
    assert dataset.options().autotune.enabled is False


def test_a_device_that_is_not_there_is_not_passed_over(make_prepared):
    prepared = make_prepared(3)
    with pytest.raises(ValueError, match=r"device is '/GPU:7', but TensorFlow has /device:CPU:0"):
        tfdata.training_batches(prepared, **settings(prepared), device="/GPU:7")


def test_the_batch_axis_is_open_and_the_others_are_known(make_prepared):
    prepared = make_prepared(4)
    (image, mask), truth = tfdata.training_batches(prepared, **settings(prepared)).element_spec
    assert [tuple(spec.shape) for spec in (image, mask, truth)] == [
        (None, 9, 12, 2),
        (None, 5, 8, 1),
        (None, 5, 8, 2),
    ]


def test_a_step_is_traced_once_over_epochs_folds_and_a_smaller_last_batch(make_prepared):
    traces = []

    def loss(truth, probability):
        traces.append(truth.shape)
        return keras.ops.mean(keras.ops.square(truth - probability), axis=(1, 2, 3))

    prepared = make_prepared(4, (18, 27), margin=4, channels=2, labels=1)
    net = models.unet_small(dimension=2, input_channels=2, filters=((2, 2), (2, 2), (2, 2)))
    net.compile("sgd", loss, jit_compile=False)
    for fold in range(2):
        training = tfdata.training_batches(prepared[fold:], **settings(prepared, seed=fold))
        net.fit(training, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
        if fold == 0:
            first = len(traces)
    assert len(traces) == first


def test_one_setting_is_traced_once_for_all_data_sets(make_prepared):
    prepared = make_prepared(4)
    graph = tfdata._traced(Augmentation(noise_std=0.123))
    for seed in range(3):
        augmented = settings(prepared, augmentation=Augmentation(noise_std=0.123), seed=seed)
        next(iter(tfdata.training_batches(prepared, **augmented)))
    assert graph.experimental_get_tracing_count() == 1


EXIT = """
import numpy as np
from kerasmetricloss.pipelines import Augmentation, Prepared, tfdata
ones = np.ones((70, 60, 50, 1), "uint8")
cases = [Prepared(str(i), np.ones((70, 60, 50, 2), "float32"), ones, ones, None) for i in range(4)]
common = {"shift": np.zeros(2), "scale": np.ones(2), "batch": 2, "seed": 0}
iterators = [iter(tfdata.training_batches(cases, **common, augmentation=a)) for a in (None, Augmentation())]
for iterator in iterators:
    next(iterator)
"""


DEVICE = """
import numpy as np, tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.set_soft_device_placement(False)
tf.debugging.set_log_device_placement(True)
from kerasmetricloss.pipelines import Augmentation, Patches, Prepared, tfdata
random = np.random.default_rng(0)
ones = np.ones((9, 8, 7, 1), "uint8")
cases = [Prepared(str(i), random.random((9, 8, 7, 2), "float32"), ones, ones, None) for i in range(4)]
common = {"shift": np.zeros(2), "scale": np.ones(2), "batch": 2, "seed": 0, "augmentation": Augmentation()}
patches = Patches(output_size=(4, 3, 2), margin=1)
for source in (tfdata.training_batches, lambda *a, **k: tfdata.patch_batches(*a, patches, **k)):
    here, there = (next(iter(source(cases, **common, device=device))) for device in (None, "/CPU:1"))
    for one, other in zip(tf.nest.flatten(here), tf.nest.flatten(there), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
"""


def test_the_layer_runs_on_a_second_device_with_the_same_result():
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "0"}
    ran = subprocess.run([sys.executable, "-c", DEVICE], env=environment, timeout=120, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    # The compiled layer is the one call inside the map; for images and for patches it stood on the second device.
    placed = [line for line in (ran.stdout + ran.stderr).splitlines() if "PartitionedCall: (PartitionedCall):" in line]
    assert sum(line.endswith("device:CPU:1") for line in placed) >= 2, placed


def test_python_ends_while_batches_are_being_made():
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    subprocess.run([sys.executable, "-c", EXIT], env=environment, check=True, timeout=120, capture_output=True)
