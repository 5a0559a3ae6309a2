"""Sums and multiples are losses, and show their parts."""

import pickle

import keras
import numpy as np
import pytest

from kerasmetricloss.losses import CrossEntropy, PartMetric, SoftDice, SoftJaccard, WeightedSum

RNG = np.random.default_rng(4)
Y = (RNG.random((3, 4, 5, 1)) > 0.5).astype("float32")
P = RNG.random((3, 4, 5, 1)).astype("float32")
COMPOUND = 0.5 * SoftDice() + CrossEntropy() * 2


def test_value_is_the_weighted_sum():
    expected = 0.5 * float(SoftDice()(Y, P)) + 2 * float(CrossEntropy()(Y, P))
    assert float(COMPOUND(Y, P)) == pytest.approx(expected, rel=1e-6)
    weight = RNG.random((3, 4, 5)).astype("float32")
    expected = 0.5 * float(SoftDice()(Y, P, weight)) + 2 * float(CrossEntropy()(Y, P, weight))
    assert float(COMPOUND(Y, P, weight)) == pytest.approx(expected, rel=1e-6)


def test_sums_of_sums_are_flat():
    total = 2 * COMPOUND + sum([SoftJaccard(), SoftDice(norm=2)])
    assert total.weights == [1.0, 4.0, 1.0, 1.0]
    assert repr(total) == "1.0 * SoftDice() + 4.0 * CrossEntropy() + 1.0 * SoftJaccard() + 1.0 * SoftDice(norm=2)"


def test_a_sum_given_as_a_part_is_flat_and_shows_its_parts():
    total = WeightedSum(losses=[COMPOUND, SoftJaccard()], weights=[2, 3.0])
    assert total.weights == [1.0, 4.0, 3.0]
    assert [metric.name for metric in total.part_metrics()] == ["soft_dice", "cross_entropy", "soft_jaccard"]
    assert float(total(Y, P)) == pytest.approx(2 * float(COMPOUND(Y, P)) + 3 * float(SoftJaccard()(Y, P)), rel=1e-6)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(total))
    assert copy.get_config() == total.get_config()


def test_a_loss_of_keras_can_be_a_part():
    mixed = SoftDice() + 0.1 * (keras.losses.BinaryFocalCrossentropy() + SoftDice())
    focal = float(keras.losses.BinaryFocalCrossentropy()(Y, P))
    assert float(mixed(Y, P)) == pytest.approx(1.1 * float(SoftDice()(Y, P)) + 0.1 * focal, rel=1e-5)
    assert mixed.part_metrics()[1].name == "binary_focal_crossentropy"


def test_a_loss_can_be_divided_by_a_number():
    assert repr(COMPOUND / 2) == "0.25 * SoftDice() + 1.0 * CrossEntropy()"
    assert float((SoftDice() / 4)(Y, P)) == pytest.approx(float(SoftDice()(Y, P)) / 4, rel=1e-6)
    with pytest.raises(ValueError, match=r"weights=\[inf\], expected finite numbers"):
        SoftDice() / 0
    with pytest.raises(TypeError, match="unsupported operand"):
        SoftDice() / SoftDice()


def test_what_is_not_a_loss_cannot_be_added():
    with pytest.raises(TypeError):
        SoftDice() + 1
    with pytest.raises(TypeError):
        SoftDice() * SoftDice()


def test_parts_must_reduce_alike_and_have_a_weight_each():
    with pytest.raises(ValueError, match="reduce differently"):
        SoftDice() + SoftDice(reduction="sum")


def test_values_an_image_and_values_a_voxel_do_not_add_up():
    # 2 images of 3 by 2 pixels: (2,) would be added along the last axis of (2, 3, 2).
    y_true, y_pred = np.ones((2, 3, 2, 1), "float32"), np.full((2, 3, 2, 1), 0.5, "float32")
    mixed = SoftDice(reduction=None) + keras.losses.BinaryCrossentropy(reduction=None)
    with pytest.raises(
        ValueError, match=r"values of other axes \(soft_dice.* \(2,\), binary_crossentropy \(2, 3, 2\)\)"
    ):
        mixed(y_true, y_pred)
    own = SoftDice(reduction=None) + SoftJaccard(reduction=None)
    assert own(y_true, y_pred).shape == (2,)
    with pytest.raises(ValueError, match="1 losses and 2 weights"):
        WeightedSum(losses=[SoftDice()], weights=[1, 2])


def test_serialisation_keeps_parts_and_weights():
    wire = keras.saving.serialize_keras_object(COMPOUND)
    for copy in [keras.saving.deserialize_keras_object(wire), pickle.loads(pickle.dumps(COMPOUND))]:
        assert repr(copy) == repr(COMPOUND)
        assert copy.get_config() == COMPOUND.get_config()
        assert float(copy(Y, P)) == float(COMPOUND(Y, P))


def test_part_metrics_add_up_to_the_loss():
    metrics = COMPOUND.part_metrics()
    assert [metric.name for metric in metrics] == ["soft_dice", "cross_entropy"]
    for weight in (None, np.array([1.0, 2.0, 0.5], dtype="float32"), RNG.random((3, 4, 5)).astype("float32")):
        for metric in metrics:
            metric.reset_state()
            metric.update_state(Y, P, weight)
        total = sum(w * float(m.result()) for w, m in zip(COMPOUND.weights, metrics, strict=True))
        assert total == pytest.approx(float(COMPOUND(Y, P, weight)), rel=1e-5)


def test_parts_of_one_class_have_different_names():
    names = [metric.name for metric in (SoftDice() + SoftDice(norm=2)).part_metrics()]
    assert names == ["soft_dice_0", "soft_dice_1"]
    assert (SoftDice(name="l1") + SoftDice(name="l2", norm=2)).part_metrics()[1].name == "l2"


def test_a_part_metric_is_serialisable():
    metric = PartMetric(loss=SoftDice(norm=2), name="d")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    copy.update_state(Y, P)
    assert (copy.name, float(copy.result())) == ("d", pytest.approx(float(SoftDice(norm=2)(Y, P))))
