import functools

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import models


def narrow(**changes):
    return models.deeplab_vgg16(**{"width": 0.03, "dropout": 0.0, **changes})


def pictures(*size, batch=1):
    return np.random.default_rng(0).uniform(0, 255, (batch, *size, 3)).astype("float32")


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@functools.cache
def published(head):
    return models.deeplab_vgg16(head=head)


@pytest.mark.parametrize(("head", "parameters"), [("large_fov", 20_484_929), ("aspp", 37_795_652)])
def test_published_parameter_counts(head, parameters):
    assert published(head).count_params() == parameters
    features = [layer for layer in published(head).layers if layer.name.startswith("block")]
    assert sum(layer.count_params() for layer in features) == 14_714_688


def test_the_output_stride_is_8_from_the_third_pool_on():
    net = models.deeplab_vgg16(width=0.02, input_size=(288, 384))
    for layer in ("block3_pool", "block4_pool", "block5_pool", "context12_3"):
        assert net.get_layer(layer).output.shape[1:3] == (36, 48)
    assert net.output_shape == (None, 288, 384, 1)
    pools = [net.get_layer(f"block{i}_pool") for i in range(1, 6)]
    assert [(p.pool_size, p.strides) for p in pools] == [((2, 2), (2, 2))] * 3 + [((3, 3), (1, 1))] * 2


@pytest.fixture(scope="module")
def vgg16():
    keras.utils.set_random_seed(5)
    return keras.applications.VGG16(include_top=False, weights=None)


@pytest.mark.parametrize("white", [255, 1])
def test_features_equal_those_of_keras_applications_up_to_the_third_pool(vgg16, white, tmp_path):
    path = tmp_path / "vgg16.weights.h5"
    vgg16.save_weights(path)
    net = models.deeplab_vgg16(weights=path, white=white)
    picture = pictures(40, 24)
    ours, theirs = (keras.Model(m.inputs[0], m.get_layer("block3_pool").output) for m in (net, vgg16))
    expected = numpy_of(theirs(keras.applications.vgg16.preprocess_input(picture.copy())))
    given = numpy_of(ours(picture * np.float32(white / 255)))
    assert given.shape == (1, 5, 3, 256)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4 * expected.max())
    last = [m.get_layer("block5_conv3").get_weights()[0] for m in (net, vgg16)]
    np.testing.assert_array_equal(*last)


def test_weights_come_from_a_saved_model_too(tmp_path):
    source, path = narrow(), tmp_path / "net.keras"
    source.save(path)
    net = narrow(weights=str(path), head="aspp")
    for block in range(1, 6):
        name = f"block{block}_conv2"
        np.testing.assert_array_equal(net.get_layer(name).get_weights()[0], source.get_layer(name).get_weights()[0])


def test_weights_of_another_shape_are_refused_by_layer(vgg16, tmp_path):
    vgg16.save_weights(tmp_path / "vgg16.weights.h5")
    with pytest.raises(ValueError, match=r"layer block1_conv1 has weights of shapes .*width=1"):
        narrow(weights=tmp_path / "vgg16.weights.h5")


def test_weights_without_the_layers_are_refused(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"block1_conv1 .* has none"):
        narrow(weights=path)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"weights is 'nowhere\.h5', which is no file"):
        narrow(weights="nowhere.h5")


@pytest.mark.parametrize("name", ["garbage.h5", "garbage.weights.h5", "garbage.keras", "other.weights.h5"])
def test_a_file_that_holds_something_else_is_named_with_the_mend(name, tmp_path):
    path = tmp_path / name
    if name.startswith("garbage"):
        path.write_bytes(b"no weights")
    else:
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save_weights(path)
    with pytest.raises(ValueError, match=rf"weights is .*{name}', which does not hold VGG16 .* give 'imagenet'"):
        narrow(weights=path)


def test_weights_with_further_convolutions_are_those_of_another_network(tmp_path):
    small = narrow(mask=False)
    more = keras.layers.Conv2D(3, 1, name="block3_conv4")(small.output)
    keras.Model(small.input, more).save(tmp_path / "vgg19.keras")
    with pytest.raises(ValueError, match=r"vgg19\.keras', which has a layer block3_conv4: that is no VGG16"):
        narrow(weights=tmp_path / "vgg19.keras")


def test_weights_that_are_not_finite_are_refused_by_layer(tmp_path):
    small = narrow()
    kernel, bias = small.get_layer("block3_conv2").get_weights()
    bias[0] = np.nan
    small.get_layer("block3_conv2").set_weights([kernel, bias])
    small.save(tmp_path / "nan.keras")
    with pytest.raises(ValueError, match=r"layer block3_conv2 of .*nan\.keras holds NaN"):
        narrow(weights=tmp_path / "nan.keras")


def test_a_cut_file_is_told_as_such(tmp_path):
    narrow().save(tmp_path / "cut.keras")
    (tmp_path / "cut.keras").write_bytes((tmp_path / "cut.keras").read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut\.keras', which does not hold VGG16 \(it is no whole \.keras file\)"):
        narrow(weights=tmp_path / "cut.keras")


@pytest.mark.parametrize("whole", [False, True], ids=["weights", "model"])
def test_weights_as_keras_2_wrote_them_may_have_the_classes(tmp_path, monkeypatch, whole):
    # The file of the real network has 553 MB: here its list of layers alone is looked at.
    path, asked = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels.h5", []
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights") if whole else file
        group.attrs["layer_names"] = [b"block1_conv1", b"fc1", b"predictions"]
    monkeypatch.setattr(keras.applications, "VGG16", lambda **settings: asked.append(settings) or narrow())
    narrow(weights=path)
    assert asked == [{"weights": str(path)}]


def test_weights_as_keras_2_wrote_them_of_another_network_are_refused(tmp_path):
    path = tmp_path / "unet.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv3d_1"]
        file.create_group("conv3d_1").attrs["weight_names"] = [b"conv3d_1/kernel:0"]
        file["conv3d_1"].create_dataset("conv3d_1/kernel:0", data=np.zeros((3, 3, 1, 2, 2), "float32"))
    with pytest.raises(ValueError, match=r"unet\.hdf5', which does not hold VGG16 \(Layer count mismatch"):
        narrow(weights=path)


def test_colours_lose_the_mean_once():
    # Blue, green, red of 10, 20, 30 less 103.939, 116.779, 123.68.
    picture = np.array([[[[30.0, 20.0, 10.0]]]], "float32")
    expected = [[[[-93.939, -96.779, -93.68]]]]
    np.testing.assert_allclose(numpy_of(models.ImageNetColours()(picture)), expected, rtol=1e-6)
    np.testing.assert_allclose(numpy_of(models.ImageNetColours(white=1)(picture / 255)), expected, rtol=1e-5)
    less_mean = picture - np.array([123.68, 116.779, 103.939], "float32")
    np.testing.assert_allclose(numpy_of(models.ImageNetColours(white=None)(less_mean)), expected, rtol=1e-6)
    assert not models.ImageNetColours().weights


@pytest.mark.parametrize(("size", "dilation"), [((9, 14), 2), ((7, 5), 3), ((10, 3), 6), ((4, 13), 1)])
def test_a_dilated_convolution_equals_that_of_keras(size, dilation):
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype("float32")
    ours = models.DilatedConv2D(4, 3, dilation=dilation, bias_initializer="normal", activation="relu")
    theirs = keras.layers.Conv2D(4, 3, dilation_rate=dilation, padding="same", activation="relu")
    y = numpy_of(ours(x))
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(y, numpy_of(theirs(x)), atol=1e-5)


def test_bilinear_upsampling_equals_a_resize_and_is_cut_at_the_end():
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 4)).astype("float32")
    whole = numpy_of(ops.image.resize(x, (24, 40), interpolation="bilinear", data_format="channels_last"))
    layer = models.BilinearUpsampling(factor=8)
    for size in ((24, 40), (17, 35)):
        y = numpy_of(layer([x, np.zeros((2, *size, 1), "float32")]))
        np.testing.assert_allclose(y, whole[:, : size[0], : size[1]], atol=1e-5)


@pytest.mark.parametrize("size", [(24, 40), (21, 35), (8, 9), (5, 3), (1, 1)])
def test_any_size_comes_back_in_that_size(size):
    net = any_size()
    y = numpy_of(net(pictures(*size)))
    assert y.shape == (1, *size, 2)
    assert np.isfinite(y).all()


@functools.cache
def any_size():
    return narrow(mask=False, outputs=2)


def test_the_last_row_of_an_odd_size_is_seen():
    net, picture = any_size(), pictures(17, 16)
    changed = picture.copy()
    changed[:, 16] = 255 - changed[:, 16]
    assert np.abs(numpy_of(net(picture)) - numpy_of(net(changed))).max() > 0


def test_logits_are_enlarged_before_the_activation():
    net = narrow(mask=False)
    layer = net.get_layer("context12_3")
    layer.set_weights([np.random.default_rng(0).normal(0, 0.3, w.shape) for w in layer.get_weights()])
    coarse = keras.Model(net.inputs[0], layer.output)(pictures(16, 24))
    logit = ops.image.resize(coarse, (16, 24), interpolation="bilinear", data_format="channels_last")
    expected = 1 / (1 + np.exp(-numpy_of(logit).astype("float64")))
    assert np.ptp(expected) > 0.001
    np.testing.assert_allclose(numpy_of(net(pictures(16, 24))), expected, atol=1e-5)


def test_the_mask_lies_on_the_picture():
    net, picture = narrow(), pictures(13, 18, batch=2)
    assert [tensor.name for tensor in net.inputs] == ["image", "mask"]
    assert net.output_names == ["probability"]
    mask = (np.random.default_rng(1).random((2, 13, 18, 1)) > 0.5).astype("float32")
    y = numpy_of(net([picture, mask]))
    assert np.array_equal(y > 0, mask > 0)
    with pytest.raises(ValueError, match="mask has size"):
        net([picture, mask[:, 1:]])


@pytest.mark.parametrize("head", ["large_fov", "aspp"])
def test_saves_and_reloads(head, tmp_path):
    net = narrow(head=head, mask=False, white=1)
    before = net.predict(pictures(21, 26) / 255, verbose=0)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again.predict(pictures(21, 26) / 255, verbose=0), before)


def test_trains():
    net = models.deeplab_small(mask=False, dropout=0.0)
    picture = pictures(24, 40, batch=3)
    picture[:, :, 20:] = 0
    truth = (picture[..., :1] > 0).astype("float32")
    net.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    losses = net.fit(picture, truth, batch_size=3, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"head": "crf"}, "head is 'crf'; it can be 'large_fov' or 'aspp'"),
        ({"white": 0}, "white is 0"),
        ({"width": 0}, "width is 0"),
        ({"dropout": 1}, "dropout is 1"),
        ({"input_size": (8, 8, 8)}, "2 axes need"),
        ({"outputs": 0}, "outputs is 0"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        narrow(**setting)


@pytest.mark.parametrize(
    "layer",
    [
        models.ImageNetColours(white=1),
        models.DilatedConv2D(3, 3, dilation=4, activation="relu"),
        models.BilinearUpsampling(factor=8),
        models.Subsample(factor=3, keep="mean"),
        models.AddResidual(margin=2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_comes_back_from_its_config(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_a_size_can_be_one_number_for_both_axes_or_open_along_one():
    assert narrow(input_size=24).input_shape == [(None, 24, 24, 3), (None, 24, 24, 1)]
    assert narrow(input_size=(24, None), mask=False).output_shape == (None, 24, None, 1)


@pytest.mark.parametrize("white", [255, None])
def test_a_grey_image_is_refused(white):
    net = narrow(mask=False, white=white)
    with pytest.raises(ValueError, match=r"3 channels|shape=\(None, None, None, 3\)"):
        net(pictures(8, 9)[..., :1])
    with pytest.raises(ValueError, match=r"shape \(1, 8, 9, 1\), but red, green and blue are 3 channels .* grey"):
        models.ImageNetColours(white=white)(pictures(8, 9)[..., :1])


def test_features_are_read_under_channels_first_too(vgg16, channels_first, tmp_path):
    vgg16.save_weights(tmp_path / "vgg16.weights.h5")
    net = models.deeplab_vgg16(weights=tmp_path / "vgg16.weights.h5")
    kernels = [m.get_layer("block4_conv1").get_weights()[0] for m in (net, vgg16)]
    np.testing.assert_array_equal(*kernels)
