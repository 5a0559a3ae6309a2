"""The kernel against NumPy in float64, and its sums of 16-bit inputs."""

import numpy as np
import pytest
from keras import ops

from kerasmetricloss.similarities import Layout, Overlap, class_mean, count, divide, read, voxels

numpy = ops.convert_to_numpy
RNG = np.random.default_rng(1)
TRUTH = (RNG.random((2, 5, 6, 3)) > 0.6).astype("float32")
SOFT = RNG.random((2, 5, 6, 3)).astype("float32")
WEIGHT = RNG.random((2, 5, 6)).astype("float32")


def expected(norm, intersection, pool, weight):
    y, p = TRUTH.astype("float64"), SOFT.astype("float64")
    w = 1.0 if weight is None else weight.astype("float64")[..., None]
    axes = (0, 1, 2) if pool == "batch" else (1, 2)
    predicted, true = (w * p**norm).sum(axis=axes), (w * y**norm).sum(axis=axes)
    both = (w * p * y).sum(axis=axes)
    if intersection == "semimetric":
        both = (predicted + true - (w * np.abs(p - y) ** norm).sum(axis=axes)) / 2
    return [np.atleast_2d(x) for x in (both, predicted, true)]


@pytest.mark.parametrize("norm", [1, 2, 1.5, 3])
@pytest.mark.parametrize("intersection", ["product", "semimetric"])
@pytest.mark.parametrize("pool", ["image", "batch"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_counts_equal_numpy(norm, intersection, pool, weight, form):
    y_true, y_pred = (np.moveaxis(x, -1, 1) if form == "channels_first" else x for x in (TRUTH, SOFT))
    batch = read(y_true, y_pred, weight, layout=Layout(pool=pool, data_format=form))
    found = count(batch, Overlap(norm=norm, intersection=intersection), pool=pool)
    for have, want in zip(found, expected(norm, intersection, pool, weight), strict=True):
        np.testing.assert_allclose(numpy(have), want, rtol=1e-5)


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_voxels_are_the_sum_of_the_weights(pool):
    layout = Layout(pool=pool)
    images = 2 if pool == "batch" else 1
    plain = numpy(voxels(read(TRUTH, SOFT, layout=layout), pool=pool))
    np.testing.assert_array_equal(plain, np.full((3 - images, 3), 30 * images))
    weighted = numpy(voxels(read(TRUTH, SOFT, WEIGHT, layout=layout), pool=pool))
    sums = WEIGHT.sum() if pool == "batch" else WEIGHT.sum(axis=(1, 2))[:, None]
    np.testing.assert_allclose(weighted, np.broadcast_to(sums, (3 - images, 3)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_inputs_do_not_overflow_at_a_whole_brain(dtype):
    # 136 * 136 * 82 = 1 516 672 voxels; float16 ends at 65 504 and bfloat16 stops counting at 256.
    ones = ops.ones((1, 136, 136, 82, 1), dtype=dtype)
    found = count(read(ones, ones, layout=Layout()))
    assert [float(x[0, 0]) for x in found] == [1516672.0] * 3


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool", ["image", "batch"])
@pytest.mark.parametrize("space", [(100, 100, 100), (1000, 1000), (1_000_000,)], ids=len)
@pytest.mark.parametrize("classes", [1, 3])
def test_a_million_small_probabilities_a_class_lose_no_digits(space, classes, pool, form):
    # Added one after the other in float32, .001 no longer counts in full beside a sum of hundreds.
    y_pred = np.full((2, *space, classes), 1e-3, "float32")
    y_pred *= np.arange(1, classes + 1, dtype="float32")
    y_true = np.zeros_like(y_pred)
    if form == "channels_first":
        y_pred, y_true = np.moveaxis(y_pred, -1, 1), np.moveaxis(y_true, -1, 1)
    layout = Layout(pool=pool, data_format=form)
    images = 2 if pool == "batch" else 1
    want = np.broadcast_to(1e3 * images * np.arange(1, classes + 1), (3 - images, classes))
    found = count(read(y_true, y_pred, layout=layout), pool=pool).predicted
    np.testing.assert_allclose(numpy(found), want, rtol=5e-6)


@pytest.mark.parametrize(("norm", "intersection"), [(1.5, "product"), (20, "semimetric")])
def test_what_is_to_be_ignored_has_no_power(norm, intersection):
    overlap = Overlap(norm=norm, intersection=intersection)
    y_pred = np.array([[[0.8], [0.3], [0.6]]], "float32")
    known = count(read(np.array([[[1.0], [0.0]]]), y_pred[:, :2], layout=Layout()), overlap)
    for label in (-1, 255):
        y_true = np.array([[[1.0], [0.0], [label]]], "float32")
        found = count(read(y_true, y_pred, layout=Layout(ignore_label=label)), overlap)
        np.testing.assert_allclose([numpy(x) for x in found], [numpy(x) for x in known], rtol=1e-6)


def test_a_truth_that_interpolation_left_a_hair_below_zero_counts_as_zero():
    y_true = np.array([[[1.0], [-1e-4]]], "float32")
    found = count(read(y_true, np.array([[[0.8], [0.3]]]), layout=Layout()), Overlap(norm=1.5))
    assert float(found.true[0, 0]) == 1


def test_semimetric_scores_one_for_fractional_truths_where_the_product_does_not():
    fractional = np.full((1, 4, 1), 0.5, dtype="float32")
    batch = read(fractional, fractional, layout=Layout())
    product, semimetric = (count(batch, Overlap(intersection=form)) for form in ("product", "semimetric"))
    assert float(product.intersection[0, 0]) == 1.0
    assert float(semimetric.intersection[0, 0]) == 2.0


@pytest.mark.parametrize("size", [1.0, 1e-20, 1e-30, 1e-37, 0.0])
def test_division_has_finite_gradients_however_small_the_denominator(gradient, size):
    def score(x):
        return ops.sum(divide(0.0 * x, x, 1.0))

    assert np.isfinite(gradient(score, np.array([size], dtype="float32"))).all()


def test_division_by_zero_is_what_otherwise_says():
    found = divide(ops.convert_to_tensor([0.0, 3.0, 5.0, 3.0]), ops.convert_to_tensor([0.0, 4.0, 5.0, -4.0]), 0.7)
    np.testing.assert_allclose(numpy(found), [0.7, 0.75, 1.0, -0.75], rtol=1e-6)


def test_a_sum_below_the_smallest_normal_number_is_zero_on_hardware_that_keeps_it_too():
    # 2^-126 is the smallest normal number of float32, 2^-130 one below it.
    sums = ops.convert_to_tensor(np.array([2.0**-130, 2.0**-126], "float32"))
    np.testing.assert_array_equal(numpy(divide(sums, sums, 0.7)), np.array([0.7, 1.0], "float32"))


def test_the_mean_over_classes_is_weighted_and_leaves_absent_classes_out():
    values = ops.convert_to_tensor([[0.2, 0.4, 0.9], [0.1, 0.3, 0.5]])
    np.testing.assert_allclose(numpy(class_mean(values)), [0.5, 0.3], rtol=1e-6)
    # (1 * 0.2 + 3 * 0.9) / 4 and (1 * 0.1 + 3 * 0.5) / 4
    np.testing.assert_allclose(numpy(class_mean(values, (1.0, 0.0, 3.0))), [0.725, 0.4], rtol=1e-6)
    present = ops.convert_to_tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(numpy(class_mean(values, None, present)), [0.55, 0.0], rtol=1e-6)


def test_class_weights_for_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match="class_weights has 2 entries for 3 classes"):
        class_mean(ops.ones((4, 3)), (1.0, 2.0))
