"""What every metric of the package does, and that none is left out here."""

import json
import math
import pickle

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import metrics
from kerasmetricloss.losses import SoftDice
from kerasmetricloss.metrics import (
    AbsoluteVolumeDifference,
    Accuracy,
    DiceScore,
    FBetaScore,
    HammingSimilarity,
    HausdorffDistance,
    JaccardIndex,
    NormalizedSurfaceDistance,
    TverskyIndex,
    WeightedHammingSimilarity,
)

ALL = {
    "Accuracy": lambda **k: Accuracy(**k),
    "AbsoluteVolumeDifference": lambda **k: AbsoluteVolumeDifference(voxel_volume_ml=0.008, **k),
    "DiceScore": lambda **k: DiceScore(**k),
    "FBetaScore": lambda **k: FBetaScore(beta=2.0, **k),
    "HammingSimilarity": lambda **k: HammingSimilarity(**k),
    "HausdorffDistance": lambda **k: HausdorffDistance(spacing_mm=(2.0, 3.0), percentile=95, missed="diagonal", **k),
    "JaccardIndex": lambda **k: JaccardIndex(**k),
    "NormalizedSurfaceDistance": lambda **k: NormalizedSurfaceDistance(tolerance_mm=1.5, **k),
    "TverskyIndex": lambda **k: TverskyIndex(alpha=0.3, beta=0.7, **k),
    "WeightedHammingSimilarity": lambda **k: WeightedHammingSimilarity(gamma=0.3, **k),
}
BEST_IS_ZERO = {"AbsoluteVolumeDifference", "HausdorffDistance"}
ASYMMETRIC = {"FBetaScore", "TverskyIndex", "WeightedHammingSimilarity"}
EACH = pytest.mark.parametrize("name", ALL)

RNG = np.random.default_rng(4)
TRUTH = (RNG.random((3, 5, 6, 2)) > 0.6).astype("float32")
PREDICTION = np.clip(0.4 * TRUTH + 0.6 * RNG.random(TRUTH.shape), 0, 1).astype("float32")


def score(metric, y_true, y_pred):
    metric.update_state(y_true, y_pred)
    return float(metric.result())


def test_no_metric_is_missing_in_these_tests():
    exported = {name for name, value in vars(metrics).items() if isinstance(value, type)}
    assert exported - {"ScoreAfterEpoch"} == set(ALL)


@EACH
def test_a_perfect_prediction_has_the_best_value(name):
    assert score(ALL[name](), TRUTH, TRUTH) == (0 if name in BEST_IS_ZERO else 1)


@EACH
def test_any_other_prediction_has_a_worse_value_in_range(name):
    value = score(ALL[name](), TRUTH, 1 - TRUTH)
    assert 0 < value < 100 if name in BEST_IS_ZERO else 0 <= value < 1


@EACH
def test_truth_and_prediction_can_be_exchanged_where_they_should(name):
    mask = (PREDICTION > 0.5).astype("float32")
    there, back = score(ALL[name](), TRUTH, mask), score(ALL[name](), mask, TRUTH)
    assert (there == pytest.approx(back)) == (name not in ASYMMETRIC)


@EACH
def test_cases_can_come_in_any_order_and_batches(name):
    whole, parts = ALL[name](), ALL[name]()
    for case in (2, 0, 1):
        parts.update_state(TRUTH[case : case + 1], PREDICTION[case : case + 1])
    assert score(whole, TRUTH, PREDICTION) == pytest.approx(float(parts.result()))


@EACH
def test_the_value_a_class_has_the_scalar_as_its_mean(name):
    metric = ALL[name](per_class=("organ", "lesion"))
    metric.update_state(TRUTH, PREDICTION)
    result = {key: float(value) for key, value in metric.result().items()}
    own = metric.default_name
    assert list(result) == [own, f"{own}_organ", f"{own}_lesion"]
    assert result[own] == pytest.approx((result[f"{own}_organ"] + result[f"{own}_lesion"]) / 2)
    assert result[own] == pytest.approx(score(ALL[name](), TRUTH, PREDICTION))
    alone = score(ALL[name](include=[1]), TRUTH, PREDICTION)
    assert result[f"{own}_lesion"] == pytest.approx(alone)


@EACH
def test_the_value_of_each_case_and_class_can_be_had_alone(name):
    metric = ALL[name]()
    values = ops.convert_to_numpy(metric.case_values(TRUTH, PREDICTION))
    assert values.shape == (3, 2)
    assert math.isnan(float(metric.result()))
    assert values.mean() == pytest.approx(score(metric, TRUTH, PREDICTION))


@EACH
def test_half_precision_input_is_summed_in_single_precision(name):
    assert ops.dtype(ALL[name](dtype="float16").result()) == "float32"
    mask = (PREDICTION > 0.5).astype("float16")
    assert score(ALL[name](), TRUTH, mask) == pytest.approx(score(ALL[name](), TRUTH, mask.astype("float32")))


def settings_of(name):
    given = {"classes": "independent", "include": [1], "class_weights": [2], "ignore_label": 255, "threshold": 0.4}
    return given | {"name": "mine", "dtype": "float64", "from_logits": True, "data_format": "channels_last"}


@EACH
def test_every_argument_survives_json_pickle_and_repr(name):
    metric = ALL[name](**settings_of(name))
    config = metric.get_config()
    for key, value in settings_of(name).items():
        assert config[key] == (tuple(value) if isinstance(value, list) else value)
    through_json = type(metric).from_config(json.loads(json.dumps(config)))
    assert through_json.get_config() == config
    assert pickle.loads(pickle.dumps(metric)).get_config() == config
    assert eval(repr(metric)).get_config() == config  # the repr is the call


@EACH
def test_weights_by_class_index_are_weights_in_their_order(name):
    by_index, in_order = (ALL[name](class_weights=weights) for weights in ({1: 5.0, 0: 1.0}, [1.0, 5.0]))
    assert by_index.get_config() == in_order.get_config()
    assert score(by_index, TRUTH, PREDICTION) == score(in_order, TRUTH, PREDICTION)


@EACH
def test_defaults_are_not_shown(name):
    assert "threshold" not in repr(ALL[name]())
    assert "name" not in repr(ALL[name]())


def test_a_plain_metric_is_shown_as_its_name():
    assert repr(DiceScore()) == "DiceScore()"
    assert repr(FBetaScore(beta=2.0, per_class=True)) == "FBetaScore(per_class=True, beta=2.0)"


def model_with(*scores, **settings):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5, 6, 1)), keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid")]
    model = keras.Sequential(layers)
    model.compile(loss="binary_crossentropy", metrics=list(scores), **settings)
    return model


COMPILED = sorted(set(ALL) - {"HausdorffDistance", "NormalizedSurfaceDistance"})


def test_fit_and_evaluate_log_every_metric_and_a_reloaded_model_agrees(tmp_path):
    model = model_with(*(ALL[name](per_class=name == "DiceScore") for name in COMPILED))
    history = model.fit(PREDICTION[..., :1], TRUTH, validation_split=0.34, batch_size=2, epochs=2, verbose=0).history
    before = model.evaluate(PREDICTION[..., :1], TRUTH, batch_size=2, verbose=0, return_dict=True)
    predicted = model.predict(PREDICTION[..., :1], verbose=0)
    for name in COMPILED:
        own = ALL[name]().default_name
        assert len(history[f"val_{own}"]) == 2
        assert before[own] == pytest.approx(score(ALL[name](), TRUTH, predicted), abs=1e-6)
    assert {"dice_score_0", "val_dice_score_1"} <= set(history)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    after = reloaded.evaluate(PREDICTION[..., :1], TRUTH, batch_size=3, verbose=0, return_dict=True)
    assert after == pytest.approx(before, abs=1e-5)


def test_surface_metrics_work_in_a_model_that_runs_eagerly(tmp_path):
    names = sorted(set(ALL) - set(COMPILED))
    model = model_with(*(ALL[name]() for name in names), run_eagerly=True)
    model.fit(PREDICTION[..., :1], TRUTH, batch_size=2, verbose=0)
    found = model.evaluate(PREDICTION[..., :1], TRUTH, batch_size=2, verbose=0, return_dict=True)
    predicted = model.predict(PREDICTION[..., :1], verbose=0)
    for name in names:
        assert found[ALL[name]().default_name] == pytest.approx(score(ALL[name](), TRUTH, predicted), rel=1e-5)


@EACH
def test_callbacks_that_watch_a_metric_know_which_way_is_better(name, tmp_path):
    model = model_with(ALL[name](), run_eagerly=name not in COMPILED)
    watched = f"val_{ALL[name]().default_name}"
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor=watched, save_best_only=True)
    callbacks = [keras.callbacks.EarlyStopping(watched), keras.callbacks.ReduceLROnPlateau(watched), best]
    model.fit(PREDICTION[..., :1], TRUTH, validation_split=0.34, callbacks=callbacks, verbose=0)
    assert {callback.monitor_op for callback in callbacks} == {ops.less if name in BEST_IS_ZERO else ops.greater}


def test_weighted_metrics_of_compile_get_the_sample_weights():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 6, 2)), keras.layers.Activation("linear")])
    model.compile(loss=SoftDice(), weighted_metrics=[DiceScore()])
    weight = np.array([1.0, 0.0, 3.0], "float32")
    found = model.evaluate(PREDICTION, TRUTH, sample_weight=weight, batch_size=2, verbose=0, return_dict=True)
    metric = DiceScore()
    metric.update_state(TRUTH, PREDICTION, weight)
    assert found["dice_score"] == pytest.approx(float(metric.result()), abs=1e-6)


def test_cases_of_different_sizes_and_label_maps_train_and_score():
    sizes = [(4, 6), (5, 9), (7, 3)]
    batches = [(RNG.random((2, *size, 1), "float32"), RNG.integers(0, 3, (2, *size))) for size in sizes]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(3, 3, padding="same")])
    exclusive = {"classes": "exclusive", "from_logits": True}
    model.compile(loss=SoftDice(**exclusive), metrics=[DiceScore(**exclusive), Accuracy(**exclusive)])

    def endless():
        while True:
            yield from batches

    model.fit(endless(), steps_per_epoch=3, shuffle=False, verbose=0)
    found = model.evaluate(endless(), steps=3, verbose=0, return_dict=True)
    for metric in (DiceScore(**exclusive), Accuracy(**exclusive)):
        for images, labels in batches:
            metric.update_state(labels, model.predict_on_batch(images))
        assert found[metric.name] == pytest.approx(float(metric.result()), abs=1e-6)


def test_large_half_precision_volumes_do_not_overflow():
    # 136 * 136 * 82 = 1 516 672 voxels, far above 65 504: half of them hit, all predicted: 2 * 1/2 / (1/2 + 1).
    y_true = np.zeros((1, 136, 136, 82, 1), "float16")
    y_true[:, :68] = 1
    metric, volume = DiceScore(), AbsoluteVolumeDifference(voxel_volume_ml=0.008)
    assert score(metric, y_true, np.ones_like(y_true)) == pytest.approx(2 / 3, abs=1e-6)
    assert score(volume, y_true, np.ones_like(y_true)) == pytest.approx(758_336 * 0.008, rel=1e-6)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 unless its x64 mode is on")
def test_double_precision_sums_are_double():
    metric = DiceScore(dtype="float64")
    y_true = np.ones((1, 3, 1))
    for _ in range(3):
        metric.update_state(y_true, np.array([[[1.0], [0.0], [0.0]]]))
    assert ops.dtype(metric.result()) == "float64"
    assert abs(float(metric.result()) - 0.5) < 1e-15


@pytest.mark.parametrize("name", ALL)
def test_arguments_are_keyword_only(name):
    with pytest.raises(TypeError, match="positional argument"):
        getattr(metrics, name)(0.5)
