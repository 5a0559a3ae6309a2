"""The similarities between arrays are the ratios of their counts, a value an image and class."""

import numpy as np
import pytest
from keras import ops

from kerasmetricloss import similarities
from kerasmetricloss.similarities import ratios

numpy = ops.convert_to_numpy
RNG = np.random.default_rng(2)


@pytest.mark.parametrize("space", [(7,), (4, 5), (3, 4, 5)], ids=str)
@pytest.mark.parametrize(
    ("name", "extra", "whole"),
    [
        ("dice", {}, False),
        ("jaccard", {}, False),
        ("tversky", {"alpha": 0.3, "beta": 0.7}, False),
        ("f_beta", {"beta": 2.0}, False),
        ("hamming", {}, True),
        ("weighted_hamming", {"gamma": 0.3}, True),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_equals_the_ratio_of_the_counts(space, name, extra, whole):
    y, p = (RNG.random((2, *space, 3)) > 0.5 for _ in range(2))
    axes = tuple(range(1, 1 + len(space)))
    counts = [(y & p).sum(axis=axes), p.sum(axis=axes), y.sum(axis=axes)]
    counts += [np.full((2, 3), np.prod(space))] if whole else []
    found = getattr(similarities, name)(y, p.astype("float32"), **extra)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(numpy(found), getattr(ratios, name)(*counts, **extra), rtol=1e-6)


def test_settings_reach_the_counts_and_the_ratio():
    y, p = np.array([[[1.0, 0.0], [1.0, 0.0]]]), np.array([[[0.5, 0.0], [1.0, 0.0]]], dtype="float32")
    # Class 0: 2 * 1.5 / (2 + 1.25) with squares; class 1: two empty sets.
    found = numpy(similarities.dice(y, p, norm=2, empty=0.25))
    np.testing.assert_allclose(found, [[3 / 3.25, 0.25]], rtol=1e-6)
    # Only the second voxel has weight, and only class 0 counts.
    found = numpy(similarities.jaccard(y, p, sample_weight=np.array([[0.0, 1.0]]), include=[0]))
    np.testing.assert_allclose(found, [[1.0]], rtol=1e-6)


def test_pooling_over_the_batch_gives_one_row():
    y = np.array([[[1.0], [0.0]], [[1.0], [1.0]]])
    p = np.array([[[1.0], [1.0]], [[1.0], [0.0]]], dtype="float32")
    # I = 2, P = 3, Y = 3
    np.testing.assert_allclose(numpy(similarities.dice(y, p, pool="batch")), [[2 / 3]], rtol=1e-6)


@pytest.mark.parametrize("weight", [np.array([0.5, 2.0]), [[0.5], [2.0]]], ids=["array", "list"])
def test_weights_of_images_scale_no_value_an_image_but_enter_pooled_sums(weight):
    y = np.array([[[1.0], [1.0]], [[1.0], [1.0]]])
    p = np.array([[[1.0], [1.0]], [[0.0], [0.0]]], dtype="float32")
    message = (
        r"sample_weight has shape \(2.*\) but y_pred has \(2, 2, 1\).*Expected weights a voxel, \(batch, \*space\)"
    )
    with pytest.raises(ValueError, match=message):
        similarities.dice(y, p, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        similarities.hamming(y, p, sample_weight=weight)
    # I = 0.5 * 2, P = 0.5 * 2, Y = 0.5 * 2 + 2 * 2
    pooled = similarities.dice(y, p, sample_weight=weight, pool="batch")
    np.testing.assert_allclose(numpy(pooled), [[2 / 6]], rtol=1e-6)


def test_an_unknown_argument_is_an_error_that_names_the_function():
    y = np.ones((1, 2, 1))
    with pytest.raises(TypeError, match=r"^dice\(\) got an unexpected keyword argument 'smoothing'$"):
        similarities.dice(y, y, smoothing=1)
    with pytest.raises(TypeError, match=r"^hamming\(\) got .* 'smooth_nr': it is a share of voxels"):
        similarities.hamming(y, y, smooth_nr=1)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'cosine'"):
        _ = similarities.cosine


def test_the_directory_lists_what_needs_keras():
    assert {"dice", "read", "count"} <= set(dir(similarities))
