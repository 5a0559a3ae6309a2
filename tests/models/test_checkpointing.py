import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import models


def small_unet():
    return models.unet(dimension=2, input_channels=1, filters=((2, 3), (4, 3), (5, 4)))


def batch():
    random = np.random.default_rng(0)
    image, mask = random.normal(size=(2, 18, 27, 1)), random.random((2, 10, 19, 1)) > 0.2
    return [image.astype("float32"), mask.astype("float32")]


def test_the_twin_trains_the_weights_of_the_model_as_the_model_itself_would():
    model, alone = small_unet(), small_unet()
    alone.set_weights(model.get_weights())
    before = model.get_weights()
    twin = models.checkpointed(model, every=3)
    assert twin.count_params() == model.count_params()
    assert twin.output_names == model.output_names
    truth = (batch()[0][:, 4:-4, 4:-4] > 0).astype("float32")
    for net in (twin, alone):
        net.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        net.fit(batch(), truth, batch_size=2, epochs=2, verbose=0)
    for after, expected, first in zip(model.get_weights(), alone.get_weights(), before, strict=True):
        np.testing.assert_allclose(after, expected, atol=1e-5)
        assert np.abs(after - first).max() > 0


def test_less_is_kept_for_the_gradient():
    if keras.backend.backend() != "torch":
        pytest.skip("only PyTorch tells what it keeps")
    import torch

    model, sizes = small_unet(), {}
    for name, net in (("model", model), ("twin", models.checkpointed(model))):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, kept=kept: (kept.append(x.nbytes), x)[1], lambda x: x):
            net(batch())
        sizes[name] = sum(kept)
    assert sizes["twin"] < 0.5 * sizes["model"]


def test_dropout_is_drawn_once():
    model = models.deeplab_vgg16(width=0.02, dropout=0.5, head="aspp", mask=False)
    twin = models.checkpointed(model)
    layers = [layer for layer in twin.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(layers) == 8
    image = np.random.default_rng(0).uniform(0, 255, (1, 17, 26, 3)).astype("float32")
    np.testing.assert_allclose(ops.convert_to_numpy(twin(image)), ops.convert_to_numpy(model(image)), atol=1e-6)


def test_the_twin_saves_and_reloads(tmp_path):
    twin = models.checkpointed(small_unet())
    before = ops.convert_to_numpy(twin(batch()))
    twin.save(tmp_path / "twin.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(keras.saving.load_model(tmp_path / "twin.keras")(batch())), before, atol=1e-6
    )


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (small_unet, [(18, 27), (10, 19)]),
        (lambda: models.unet(dimension=2, input_channels=1, filters=2, levels=2, mask=False), [(9, 12)]),
        (lambda: models.deeplab_vgg16(width=0.02, mask=True, dropout=0.0), [(21, 34), (21, 34)]),
        (lambda: models.deeplab_vgg16(width=0.02, mask=False), [(21, 34)]),
    ],
)
def test_the_model_saves_after_its_twin_has_trained(build, size, tmp_path):
    model = build()
    channels = [int(each.shape[-1]) for each in model.inputs]
    given = [np.random.default_rng(0).random((1, *n, c)).astype("float32") for n, c in zip(size, channels, strict=True)]
    given = given if len(given) > 1 else given[0]
    twin = models.checkpointed(model)
    expected = ops.convert_to_numpy(model(given))
    np.testing.assert_allclose(ops.convert_to_numpy(twin(given)), expected, atol=1e-6)
    for number, net in enumerate((model, twin)):
        net.save(tmp_path / f"{number}.keras")
        loaded = keras.saving.load_model(tmp_path / f"{number}.keras")
        np.testing.assert_allclose(ops.convert_to_numpy(loaded(given)), expected, atol=1e-6)


def deep_unet():
    return models.unet(dimension=2, input_channels=3, filters=2, levels=4, mask=False)


def pyramid():
    return models.deeplab_vgg16(width=0.02, head="aspp", mask=False)


@pytest.mark.parametrize(("build", "size", "every"), [(deep_unet, 54, 3), (deep_unet, 54, 4), (pyramid, 17, 2)])
def test_no_weight_belongs_to_two_segments(build, size, every, tmp_path):
    model = build()
    twin = models.checkpointed(model, every=every)
    inside = [id(w) for layer in twin.layers for w in layer.weights]
    assert sorted(inside) == sorted(id(w) for w in model.weights)
    image = np.random.default_rng(0).random((1, size, size, 3)).astype("float32")
    expected = ops.convert_to_numpy(model(image))
    np.testing.assert_allclose(ops.convert_to_numpy(twin(image)), expected, atol=1e-6)
    twin.save(tmp_path / "twin.keras")
    loaded = keras.saving.load_model(tmp_path / "twin.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(image)), expected, atol=1e-6)
    assert keras.models.clone_model(twin).count_params() == model.count_params()


def shared_layer():
    image, convolution = keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3, padding="same")
    return keras.Model(image, convolution(convolution(image)))


def with_an_operation():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Conv2D(1, 3)(keras.ops.tanh(image)))


@pytest.mark.parametrize(
    "build",
    [shared_layer, with_an_operation, lambda: keras.Sequential([keras.Input((9, 9, 1)), keras.layers.Conv2D(1, 3)])],
)
def test_models_of_another_form_are_refused(build):
    with pytest.raises(ValueError, match="is no functional model of layers that are each called once"):
        models.checkpointed(build())


def test_batch_statistics_are_refused():
    image = keras.Input((9, 9, 1))
    nested = keras.Sequential([keras.layers.Conv2D(1, 3), keras.layers.BatchNormalization(name="deep_norm")])
    with pytest.raises(ValueError, match="layer deep_norm keeps batch statistics"):
        models.checkpointed(keras.Model(image, nested(image)))
    with pytest.raises(ValueError, match=r"layer .*norm keeps batch statistics"):
        models.checkpointed(models.deepmedic_small(input_channels=1))


def test_every_is_at_least_one():
    with pytest.raises(ValueError, match="every is 0"):
        models.checkpointed(small_unet(), every=0)


def test_whatever_draws_numbers_is_drawn_once():
    image = keras.Input((8, 9, 1))
    x = keras.layers.Conv2D(2, 3)(image)
    x = keras.layers.GaussianNoise(1.0)(x)
    x = keras.layers.SpatialDropout2D(0.5)(x)
    twin = models.checkpointed(keras.Model(image, keras.layers.Conv2D(1, 3)(x)))
    kinds = [type(layer).__name__ for layer in twin.layers]
    assert kinds == ["InputLayer", "Segment", "GaussianNoise", "SpatialDropout2D", "Segment"]
    inside = [
        type(layer).__name__
        for segment in twin.layers
        if hasattr(segment, "network")
        for layer in segment.network.layers
    ]
    assert not {"GaussianNoise", "SpatialDropout2D"} & set(inside)
