import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss.pipelines import Augment, Augmentation, draw_batch, draw_parameters
from kerasmetricloss.pipelines.memory import _compiled

NOTHING = {"rotation_std": 0.0, "translation_std": (0.0, 0.0, 0.0), "flip": 0.0, "noise_std": 0.0}
NOTHING |= {"intensity_shift_std": 0.0, "intensity_scale_std": 0.0}
ONE = {"dimension": 2, "channels": 3, "seed": 1, "epoch": 0, "index": 0}


def only(**settings):
    return Augmentation(**{**NOTHING, **settings})


def raw(settings, *, size=(9, 12), margin=2, channels=2, labels=2, indices=(0, 1, 2), epoch=0):
    """What the layer takes, for random cases."""
    random = np.random.default_rng(5)
    out = tuple(n - 2 * margin for n in size)
    batch = {
        "image": random.normal(5, 3, (len(indices), *size, channels)).astype("float32"),
        "truth": (random.random((len(indices), *out, labels)) > 0.5).astype("uint8"),
        "mask": np.ones((len(indices), *out, 1), "uint8"),
        "shift": np.array([5.0, 4.0], "float32")[:channels],
        "scale": np.array([3.0, 2.0], "float32")[:channels],
    }
    if settings is None:
        return batch
    common = {"dimension": len(size), "channels": channels, "seed": 3, "epoch": epoch}
    return {**batch, **draw_batch(settings, **common, indices=indices)}


def apply(settings, batch):
    (image, mask), truth = Augment(settings)(batch)
    return tuple(ops.convert_to_numpy(x) for x in (image, mask, truth))


def normalised(batch):
    return (batch["image"] - batch["shift"]) / batch["scale"]


def test_without_settings_the_image_is_only_normalised():
    batch = raw(None)
    image, mask, truth = apply(None, batch)
    np.testing.assert_allclose(image, normalised(batch), atol=1e-6)
    assert np.array_equal(mask, batch["mask"])
    assert np.array_equal(truth, batch["truth"])
    assert image.dtype == mask.dtype == truth.dtype == np.float32


def test_settings_of_zero_do_nothing():
    batch = raw(only())
    image, mask, truth = apply(only(), batch)
    np.testing.assert_allclose(image, normalised(batch), atol=1e-6)
    assert np.array_equal(mask, batch["mask"])
    assert np.array_equal(truth, batch["truth"])


def test_a_flip_mirrors_left_and_right_of_everything():
    batch = raw(only(flip=1.0))
    image, _, truth = apply(only(flip=1.0), batch)
    np.testing.assert_allclose(image, normalised(batch)[:, :, ::-1], atol=1e-6)
    assert np.array_equal(truth, batch["truth"][:, :, ::-1])


def test_a_flip_of_a_volume_is_along_its_first_axis():
    batch = raw(only(flip=1.0), size=(9, 8, 7))
    assert np.array_equal(apply(only(flip=1.0), batch)[2], batch["truth"][:, ::-1])


@pytest.mark.parametrize("rotation", [0.0, (0.0, 0.0, 0.0)])
def test_a_flip_of_a_volume_along_its_last_axis(rotation):
    settings = only(flip=1.0, flip_axis=2, rotation_std=rotation)
    batch = raw(settings, size=(9, 8, 7))
    assert np.array_equal(apply(settings, batch)[2], batch["truth"][:, :, :, ::-1])


def test_whole_images_of_few_slices_stay_in_their_box():
    shifts = [
        draw_parameters(
            Augmentation(flip=0.0, rotation_std=0.0), **{**ONE, "dimension": 3, "index": i, "box": (96, 8, 2)}
        )
        for i in range(400)
    ]
    spread = np.std([drawn["motion"] for drawn in shifts], axis=0)
    np.testing.assert_allclose(spread, (6, 2, 0.5), rtol=0.1)  # the last two: a quarter of the box


@pytest.mark.parametrize("size", [(9, 12), (9, 8, 7)])
def test_image_truth_and_mask_move_together(size):
    # The image is its own truth inside the output box, so after the motion it still is.
    settings = only(rotation_std=0.5, translation_std=(2.0, 2.0, 1.0), flip=0.5)
    batch = raw(settings, size=size, channels=1, labels=1)
    inside = (slice(None), *(slice(2, -2),) * len(size))
    batch["image"] = np.zeros_like(batch["image"])
    batch["image"][inside] = batch["truth"]
    image, mask, truth = apply(settings, {**batch, "shift": np.zeros(1, "float32"), "scale": np.ones(1, "float32")})
    assert np.array_equal(image[inside] > 0.5, truth > 0)
    assert 0 < mask.mean() < 1
    assert truth.any()
    # Nothing that is foreground lies where nothing is known.
    assert not truth[mask == 0].any() or truth[mask == 0].mean() < 0.1


def test_truth_and_mask_stay_binary():
    settings = Augmentation()
    _, mask, truth = apply(settings, raw(settings))
    assert set(np.unique(truth)) <= {0.0, 1.0}
    assert set(np.unique(mask)) <= {0.0, 1.0}


def test_intensity_is_scaled_and_shifted_a_channel_and_case():
    settings = only(intensity_scale_std=0.3, intensity_shift_std=0.2)
    batch = raw(settings)
    image, _, truth = apply(settings, batch)
    gain, offset = (batch[name][:, None, None, :] for name in ("gain", "offset"))
    np.testing.assert_allclose(image, normalised(batch) * gain + offset, atol=1e-6)
    assert len(np.unique(gain)) == gain.size == 3 * 2
    assert np.array_equal(truth, batch["truth"])


def test_noise_has_the_strength_asked_for_and_touches_the_image_alone():
    settings = only(noise_std=0.25)
    batch = raw(settings, size=(60, 70))
    image, _, truth = apply(settings, batch)
    noise = image - normalised(batch)
    assert noise.std() == pytest.approx(0.25, rel=0.03)  # 25,200 numbers: standard error 0.4 %
    assert np.array_equal(truth, batch["truth"])


@pytest.mark.parametrize("change", [{"seed": 2}, {"epoch": 1}, {"index": 1}])
def test_parameters_depend_on_seed_epoch_and_index_alone(change):
    first, same, other = (draw_parameters(Augmentation(), **{**ONE, **c}) for c in ({}, {}, change))
    for name in first:
        assert np.array_equal(first[name], same[name])
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_one_setting_does_not_change_what_another_draws():
    first, second = (draw_parameters(only(noise_std=1.0, flip=flip), **ONE) for flip in (0.0, 1.0))
    assert first["noise_seed"] == second["noise_seed"]


def test_drawn_parameters_have_the_spread_asked_for():
    settings = Augmentation(flip=0.5)
    drawn = draw_batch(settings, dimension=3, channels=4, seed=0, epoch=0, indices=range(2000))
    # A mirrored first row changes sign; the second row (sin, cos) of the inverse rotation keeps it.
    angles = np.arctan2(-drawn["matrix"][:, 1, 0], drawn["matrix"][:, 1, 1])
    assert angles.std() == pytest.approx(np.pi / 12, rel=0.08)
    assert np.linalg.norm(drawn["motion"][:, :2], axis=1).std() > 0
    assert drawn["motion"][:, 2].std() == pytest.approx(4.0, rel=0.08)
    assert (np.linalg.det(drawn["matrix"]) < 0).mean() == pytest.approx(0.5, abs=0.06)
    assert drawn["gain"].std() == pytest.approx(0.05, rel=0.08)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_std": -0.1}, "noise_std is -0.1; a standard deviation is a finite number of at least 0"),
        ({"noise_std": math.inf}, "noise_std is inf; a standard deviation is a finite number"),
        ({"noise_std": (0.1, 0.2)}, r"noise_std is \(0.1, 0.2\); a standard deviation is a finite number"),
        ({"intensity_scale_std": "much"}, "intensity_scale_std is 'much'; a standard deviation is a finite number"),
        ({"rotation_std": math.nan}, "rotation_std is nan; a standard deviation is 1 or 3 finite numbers"),
        ({"rotation_std": (0.1, 0.2)}, r"rotation_std is \(0.1, 0.2\); a standard deviation is 1 or 3 finite"),
        ({"translation_std": 2.0}, "translation_std is 2.0; a standard deviation is 2 or 3 finite numbers"),
        ({"flip": math.nan}, "flip is nan; a probability"),
        ({"flip_axis": 7}, "flip_axis is 7; it is 0, 1 or, of a volume, 2, or None"),
        ({"translation_std": (1.0, -1.0)}, "translation_std"),
        ({"flip": 1.5}, "probability"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**settings)


@pytest.mark.parametrize(
    ("settings", "dimension"),
    [({"rotation_std": (0.1, 0.1, 0.1)}, 2), ({"translation_std": (1.0, 1.0)}, 3), ({"flip_axis": 2}, 2)],
)
def test_settings_of_another_dimension_are_an_error(settings, dimension):
    with pytest.raises(ValueError, match="axes"):
        draw_parameters(Augmentation(**settings), **{**ONE, "dimension": dimension})


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch always knows its sizes")
def test_unknown_sizes_are_refused_with_the_mend():
    inputs = {name: keras.Input((None, 8, 1)) for name in ("image", "truth", "mask")}
    inputs |= {name: keras.Input((1,)) for name in ("shift", "scale")}
    with pytest.raises(ValueError, match=r"Augment needs known sizes; see tf\.ensure_shape"):
        Augment(None)(inputs)


@pytest.mark.parametrize("settings", [None, Augmentation(rotation_std=(0.1, 0.2, 0.3), flip_axis=1)])
def test_the_layer_comes_back_from_its_config(settings):
    layer = Augment(settings)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.settings == settings
    assert again.get_config() == layer.get_config()


def test_mixed_precision_leaves_the_images_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image, _, _ = apply(Augmentation(), raw(Augmentation()))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(image, apply(Augmentation(), raw(Augmentation()))[0])


def test_weights_move_as_the_image_does_and_are_not_binarised():
    settings = only(rotation_std=0.5, translation_std=(2.0, 2.0, 1.0))
    batch = raw(settings, channels=1, margin=0)
    batch |= {"weights": batch["image"], "shift": np.zeros(1, "float32"), "scale": np.ones(1, "float32")}
    (image, _), _, weights = Augment(settings)(batch)
    np.testing.assert_array_equal(ops.convert_to_numpy(weights), ops.convert_to_numpy(image))


def test_truth_and_mask_may_come_stacked():
    settings = Augmentation()
    batch = raw(settings)
    expected = apply(settings, batch)
    binary = np.concatenate([batch.pop("truth"), batch.pop("mask")], axis=-1)
    for one, other in zip(apply(settings, {**batch, "binary": binary}), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_truth_by_the_nearest_voxel_keeps_a_single_voxel_that_interpolation_loses():
    # Moved by (0.4, 0.4): the nearest voxel is the same one; its interpolated share is .6 * .6 = .36, background.
    found = {}
    for nearest in (False, True):
        settings = only(nearest_truth=nearest)
        batch = raw(settings, labels=1, indices=(0,))
        batch["truth"] = np.zeros_like(batch["truth"])
        batch["truth"][0, 2, 3] = 1
        batch["motion"] = np.array([[-0.4, -0.4]], "float32")
        found[nearest] = np.argwhere(apply(settings, batch)[2][0, ..., 0]).tolist()
    assert found == {False: [], True: [[2, 3]]}


@pytest.mark.parametrize("settings", [None, Augmentation(rotation_std=0.3, noise_std=0.0)])
def test_slack_is_cut_off_and_filled_from_what_lies_beside(settings):
    # A constant image stays constant under any motion as long as nothing enters from outside.
    batch = raw(settings, size=(21, 24), margin=6, channels=1)
    batch |= {"image": np.full_like(batch["image"], 5.0), "mask": np.ones_like(batch["mask"])}
    layer = Augment(settings, slack=(4, 4))
    (image, mask), truth = layer({**batch, "motion": batch.get("motion", np.zeros(1)) * 0})
    assert (tuple(image.shape), tuple(truth.shape)) == ((3, 13, 16, 1), (3, 1, 4, 2))
    assert np.ptp(ops.convert_to_numpy(image), axis=(1, 2)).max() < 1e-5
    assert ops.convert_to_numpy(mask).all()
    assert Augment.from_config(layer.get_config()).slack == (4, 4)


@pytest.mark.parametrize("rotation", [0.3, (0.3, 0.2, 0.1)])
@pytest.mark.parametrize("nearest", [False, True])
def test_the_halves_compiled_apart_give_what_the_layer_gives(rotation, nearest):
    settings = Augmentation(rotation_std=rotation, nearest_truth=nearest)
    batch = raw(settings, size=(9, 12, 7))
    expected = apply(settings, batch)
    augment = _compiled(settings, ())
    (image, mask), truth = augment({name: ops.convert_to_tensor(value) for name, value in batch.items()})
    for one, other in zip((image, mask, truth), expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, atol=1e-5)


def test_weights_move_as_the_image_does():
    settings = only(rotation_std=0.3, translation_std=(1.0, 1.0, 1.0))
    batch = raw(settings, size=(9, 12, 7), margin=0, channels=1)
    batch |= {"shift": np.zeros(1, "float32"), "scale": np.ones(1, "float32"), "weights": batch["image"]}
    (image, _), _, weights = Augment(settings)(batch)
    np.testing.assert_allclose(ops.convert_to_numpy(weights), ops.convert_to_numpy(image), atol=1e-5)


def test_an_image_that_is_restored_was_varied_in_normalised_units():
    varied, restored = Augmentation(), Augmentation(restore=True)
    image, *others = apply(varied, raw(varied))
    batch = raw(restored)
    back, *same = apply(restored, batch)
    np.testing.assert_allclose(back, image * batch["scale"] + batch["shift"], atol=1e-5)
    for one, other in zip(others, same, strict=True):
        assert np.array_equal(one, other)
    assert np.std(back - apply(only(), batch)[0] * batch["scale"] - batch["shift"]) > 0.1


def test_settings_that_restore_come_back_with_the_layer():
    layer = Augment(Augmentation(restore=True))
    assert Augment.from_config(layer.get_config()).settings == layer.settings
