"""Tiles, blending and reach: what a prediction must be whatever the network."""

import itertools
import tracemalloc
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss import models
from kerasmetricloss.pipelines.inference import (
    Network,
    PredictionError,
    Reach,
    TiledWarning,
    Tiling,
    predict_image,
    predict_slabs,
)
from kerasmetricloss.pipelines.inference.layers import looks_at_all
from kerasmetricloss.pipelines.inference.tiles import starts, weights

UNET_2D = Reach((1, 1), (9, 9), (4, 4))


def centred(reach, function=lambda images: images[..., :1]):
    """A network that crops the margin off and applies a function voxel by voxel."""
    crop = tuple(slice(m, -m if m else None) for m in reach.margin)
    return Network(lambda images, masks: function(images[(slice(None), *crop)]) * masks, reach, 1)


def convolution(valid):
    """Two layers of kernel 3 and 5 with random weights, padded or valid: margin 0 or 3."""
    image = keras.Input((None, None, 2))
    padding = "valid" if valid else "same"
    x = keras.layers.Conv2D(4, 3, padding=padding, activation="relu")(image)
    return keras.Model(image, keras.layers.Conv2D(1, 5, padding=padding, activation="sigmoid")(x))


@given(
    size=st.integers(1, 70),
    smallest=st.integers(1, 15),
    step=st.integers(1, 27),
    grown=st.integers(0, 3),
    overlap=st.floats(0, 0.95),
)
@settings(max_examples=150, deadline=None)
def test_tiles_cover_every_voxel_and_their_weights_sum_to_one(size, smallest, step, grown, overlap):
    tile = smallest + grown * step
    tile += (tile < step) * step
    first = starts(size, tile, step=step, overlap=overlap)
    assert all((b - a) % step == 0 and 0 < b - a <= tile for a, b in itertools.pairwise(first))
    for blending in ("gaussian", "constant"):
        total = np.zeros(size)
        for start, share in zip(first, weights(first, tile, blending=blending), strict=True):
            inner = slice(max(start, 0), min(start + tile, size))
            total[inner] += share[inner.start - start : inner.stop - start]
        np.testing.assert_allclose(total, 1, atol=3e-7)


def test_neighbours_share_at_least_the_overlap_asked_for():
    # 100 voxels, tiles of 40: a stride of at most 20 needs 4 tiles, 60 / 3 apart.
    assert starts(100, 40, step=1, overlap=0.5) == (0, 20, 40, 60)
    assert starts(100, 40, step=1, overlap=0) == (0, 30, 60)  # 2.5 tiles: three, evenly spread


def test_gaussian_weights_are_those_of_the_usual_width():
    # Two tiles of 8 half over another: at their common voxel 4, u = 0.5 / 4 from the first tile's centre 3.5 and
    # 3.5 / 4 from the second's, so exp(-8 * 0.125^2) = 0.88250 and exp(-8 * 0.875^2) = 0.00219; 0.8825 / 0.8847.
    one, _ = weights((0, 4), 8, blending="gaussian")
    assert one[4] == pytest.approx(0.99753, abs=1e-5)
    assert one[0] == 1


@pytest.mark.parametrize("blending", ["gaussian", "constant"])
@pytest.mark.parametrize("tile", [None, (19, 10), (10, 28)])
@pytest.mark.parametrize("size", [(1, 3), (19, 28), (40, 57)])
def test_a_constant_field_comes_out_constant(size, tile, blending):
    image = np.full((*size, 2), 0.3, "float32")
    network = centred(UNET_2D, lambda images: np.full((*images.shape[:-1], 1), 0.3, "float32"))
    y = predict_image(image, network, tiling=Tiling(size=tile, blending=blending, batch=3))
    assert y.shape == (*size, 1)
    np.testing.assert_allclose(y, 0.3, rtol=1e-6)


@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 25), st.integers(1, 12)),
    tile=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20)),
    batch=st.integers(1, 5),
    margin=st.integers(0, 3),
    overlap=st.sampled_from([0.0, 0.25, 0.6]),
)
@settings(max_examples=40, deadline=None)
def test_a_network_of_one_voxel_gives_the_image_back_in_its_place(size, tile, batch, margin, overlap):
    image = np.random.default_rng(0).random((*size, 1), np.float32)
    reach = Reach((2, 1, 3), (3, 1, 2), (margin,) * 3)
    y = predict_image(image, centred(reach), tiling=Tiling(size=tile, batch=batch, overlap=overlap))
    np.testing.assert_allclose(y, image, atol=1e-6)


@pytest.mark.parametrize("blending", ["gaussian", "constant"])
def test_a_valid_convolution_gives_the_same_in_tiles_as_in_one(blending):
    network = Network.of(convolution(valid=True))
    assert network.reach == Reach((1, 1), (1, 1), (3, 3))
    image = np.random.default_rng(0).normal(size=(23, 31, 2)).astype("float32")
    whole = predict_image(image, network)
    tiled = predict_image(image, network, tiling=Tiling(size=(9, 12), blending=blending, batch=4))
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_a_padded_convolution_differs_only_where_its_padding_reaches():
    network = Network.of(convolution(valid=False))
    image = np.random.default_rng(0).normal(size=(23, 40, 2)).astype("float32")
    whole = predict_image(image, network)
    # Tiles side by side: columns 0-19 and 20-39; the field is 3 voxels to each side.
    tiled = predict_image(image, network, tiling=Tiling(size=(23, 20), overlap=0))
    np.testing.assert_allclose(np.delete(tiled, range(17, 23), 1), np.delete(whole, range(17, 23), 1), atol=1e-6)
    assert np.abs(tiled - whole).max() > 1e-3


def test_a_whole_image_is_one_call_on_the_centred_box():
    image = np.arange(3 * 11, dtype="float32").reshape(3, 11, 1)
    seen = []
    network = Network(lambda images, masks: seen.append((images, masks)) or masks * 0.5, UNET_2D, 1)
    y = predict_image(image, network, fill=-7)
    # Outputs are 1 + 9 k: 10 x 19 for 3 x 11 voxels; inputs 18 x 27. First output row (3 - 10) // 2 = -4, column -4.
    (images, masks) = seen[0]
    assert len(seen) == 1
    assert images.shape == (1, 18, 27, 1)
    np.testing.assert_array_equal(images[0, 8:11, 8:19], image)
    assert (np.delete(images[0], range(8, 11), 0) == -7).all()
    assert masks.shape == (1, 10, 19, 1)
    assert masks.sum() == 33
    np.testing.assert_array_equal(y, 0.5)


def test_each_channel_has_its_fill():
    network = Network(
        lambda images, masks: images[:, 4:-4, 4:-4].sum(-1, keepdims=True) * 0 + images[:, :1, :1, 1:], UNET_2D, 1
    )
    assert (predict_image(np.zeros((5, 5, 2), "float32"), network, fill=(1, 2)) == 2).all()


def test_outside_the_mask_is_zero_and_tiles_without_mask_are_not_computed():
    image = np.ones((40, 57, 1), "float32")
    mask = np.zeros((40, 57), bool)
    mask[2:5, 50:] = True
    calls = []
    network = centred(UNET_2D, lambda images: calls.append(len(images)) or images)
    y = predict_image(image, network, mask=mask, tiling=Tiling(size=(10, 10), overlap=0))
    np.testing.assert_allclose(y[..., 0], mask, atol=1e-6)
    assert sum(calls) < 4
    assert not predict_image(image, network, mask=np.zeros_like(mask)).any()


@pytest.mark.parametrize("takes_mask", [True, False])
def test_any_value_of_a_mask_but_zero_counts_once(takes_mask):
    mask = np.zeros((5, 7), "uint8")
    mask[1:4, 2:] = 255
    network = Network(lambda images, masks: 0.5 * (1 if masks is None else masks) + images * 0, Reach.same(2), 1)
    network = replace(network, takes_mask=takes_mask)
    for tiling in (None, Tiling(size=(3, 3))):
        y = predict_image(np.zeros((5, 7, 1), "float32"), network, mask=mask, tiling=tiling)
        np.testing.assert_allclose(y[..., 0], np.where(mask, 0.5, 0), rtol=1e-6)


def test_an_image_is_predicted_whole_where_its_largest_map_fits_and_else_in_tiles():
    seen = []
    network = Network(lambda images, masks: seen.append(images.shape) or masks * 0.5, Reach.same(2), 1, values=4)
    image = np.zeros((20, 30, 1), "float32")
    # 20 x 30 pixels of 4 values: 2400.
    predict_image(image, network, tiling=Tiling(largest_map=2400))
    assert seen == [(1, 20, 30, 1)]
    y = predict_image(image, network, tiling=Tiling(largest_map=2399))
    np.testing.assert_allclose(y, 0.5, rtol=1e-6)
    # Two halves overlap by a half at 30 / 1.5 = 20 columns; 14 rows of 30 would be 2 x 420 pixels, more than 2 x 400.
    assert seen[1:] == [(1, 20, 20, 1)] * 2
    seen.clear()
    predict_image(image, network, tiling=Tiling(largest_map=2399, batch=2))
    assert all(4 * np.prod(shape[:-1]) <= 2399 for shape in seen)


def test_tiles_of_a_network_that_looks_at_the_whole_image_are_warned_of():
    settings = {"dimension": 2, "input_channels": 1, "filters": 1, "levels": 2}
    image = np.random.default_rng(0).normal(size=(15, 15, 1)).astype("float32")
    network = Network.of(models.unet(**settings))
    predict_image(image, network)
    with pytest.warns(TiledWarning, match="an image of 15x15 voxels is predicted in 16 tiles of 7x7"):
        predict_image(image, network, tiling=Tiling(size=(7, 7)))
    predict_image(image, Network.of(models.unet(**settings, normalisation=None)), tiling=Tiling(size=(7, 7)))


@pytest.mark.parametrize(("axes", "warns"), [((1, 2), True), ([-2, -1], True), (-1, False), ((3,), False)])
def test_a_layer_normalisation_over_space_looks_at_the_whole_image(axes, warns):
    image = keras.Input((16, 16, 1))
    model = keras.Model(image, keras.layers.LayerNormalization(axis=axes, center=False, scale=False)(image))
    assert looks_at_all(model) is warns


@pytest.mark.parametrize(
    ("gather", "warns"),
    [
        (lambda x: x * keras.ops.mean(x, axis=(1, 2), keepdims=True), True),
        (lambda x: x - keras.ops.max(x, axis=(1, 2))[:, None, None], True),
        (lambda x: x / keras.ops.std(x, axis=1, keepdims=True), True),
        (lambda x: x * keras.layers.Dense(4)(keras.layers.GlobalMaxPooling2D()(x))[:, None, None], True),
        (lambda x: x - keras.ops.mean(x, axis=-1, keepdims=True), False),
        (lambda x: x - keras.ops.mean(x, axis=-1)[..., None], False),
        (lambda x: keras.ops.concatenate([x, x], axis=-1), False),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_function_over_space_looks_at_the_whole_image(gather, warns, nested):
    image = keras.Input((None, None, 4))
    model = keras.Model(image, gather(image))
    model = keras.Sequential([keras.Input((None, None, 4)), model]) if nested else model
    assert looks_at_all(model) is warns


def test_attention_looks_at_the_whole_image():
    image = keras.Input((8, 8, 4))
    voxels = keras.layers.Reshape((64, 4))(image)
    seen = keras.layers.MultiHeadAttention(1, 2)(voxels, voxels)
    assert looks_at_all(keras.Model(image, keras.layers.Reshape((8, 8, 4))(seen)))


def test_slabs_come_in_order_and_hold_every_row_once():
    image = np.random.default_rng(0).random((50, 14, 1), np.float32)
    slabs = list(predict_slabs(image, centred(UNET_2D), tiling=Tiling(size=(10, 10), batch=3)))
    assert len(slabs) > 3
    assert [first for first, _ in slabs] == np.cumsum([0, *(len(rows) for _, rows in slabs)])[:-1].tolist()
    np.testing.assert_allclose(np.concatenate([rows for _, rows in slabs]), image, atol=1e-6)


def test_memory_is_that_of_slabs_however_long_the_image(tmp_path):
    tile, width = 16, 48

    def peak(rows: int) -> int:
        image = np.lib.format.open_memmap(tmp_path / f"{rows}.npy", "w+", np.float32, (rows, width, width, 1))
        tracemalloc.start()
        total = 0.0
        for _, slab in predict_slabs(image, centred(Reach.same(3)), tiling=Tiling(size=(tile,) * 3)):
            total += float(slab.sum())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # Feeds of other tests may still fetch ahead in their threads, which is counted too, once.
    peaks = [min(peak(rows) for _ in range(3)) for rows in (64, 640)]
    slab = tile * width * width * 4
    assert peaks[1] < 5 * slab < 640 * width * width * 4 / 6
    assert peaks[1] < 1.2 * peaks[0]


def test_what_does_not_fit_is_refused():
    network = centred(UNET_2D)
    image = np.zeros((9, 8, 1), "float32")
    for arguments, message in [
        ({"image": np.zeros((9, 8, 7, 1), "float32")}, "the network takes 2 axes"),
        ({"image": np.zeros((0, 8, 1), "float32")}, "the image has shape"),
        ({"image": image[..., 0]}, r"\(9, 8\), .* takes 2 axes and their channels.* image\[\.\.\., None\]"),
        ({"image": image, "mask": np.ones((9, 7), bool)}, "the mask has shape"),
        ({"image": image, "fill": (1, 2)}, r"fill is \(1, 2\), but the image has 1 channels"),
        ({"image": image, "tiling": Tiling(size=(3, 3, 3))}, "the tile .* has 3 axes"),
    ]:
        with pytest.raises(PredictionError, match=message):
            predict_image(network=network, **arguments)
    wrong = Network(lambda images, masks: masks[:, 1:], UNET_2D, 1)
    with pytest.raises(PredictionError, match="the network gave shape"):
        predict_image(image, wrong)
    for setting in ({"overlap": 1.0}, {"blending": "hard"}, {"batch": 0}, {"batch": 0.5}, {"largest_map": 0}):
        with pytest.raises(PredictionError):
            Tiling(**setting)
    for size in ((0, 4), 9, (9.0, 9.0), (), "99"):
        with pytest.raises(PredictionError, match=r"the size of a tile is .* give .*whole number"):
            Tiling(size=size)


def test_a_wrong_count_of_channels_is_refused_before_and_after_a_good_call():
    model = models.unet(dimension=2, input_channels=1, filters=1, levels=2)
    network, image = Network.of(model), np.zeros((7, 7, 1), "float32")
    for _ in range(2):
        with pytest.raises(PredictionError, match=r"the image has 3 channels .*but the network takes 1"):
            predict_image(np.repeat(image, 3, -1), network)
        assert predict_image(image, network).shape == (7, 7, 1)
    with pytest.raises(PredictionError, match=r"the network is a Functional; describe it with Network\.of\(model\)"):
        predict_image(image, model)


def test_a_model_without_an_image_is_refused():
    inputs = keras.Input((5,))
    with pytest.raises(PredictionError, match="expected one image"):
        Network.of(keras.Model(inputs, keras.layers.Dense(2)(inputs)))
    with pytest.raises(PredictionError, match="the model does not tell its inputs"):
        Network.of(keras.Sequential([keras.layers.Conv2D(1, 1)]))
