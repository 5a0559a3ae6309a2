"""Numbers of TensorFlow Addons and MONAI, made once; the scripts beside the numbers say how."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasmetricloss.metrics import Accuracy, DiceScore, FBetaScore, HammingSimilarity
from kerasmetricloss.metrics.surface import hausdorff_distance, normalized_surface_distance

FOLDER = Path(__file__).parents[1] / "golden"
TFA = json.loads((FOLDER / "tfa.json").read_text())
MONAI = json.loads((FOLDER / "monai.json").read_text())
TRUTH, PROBABILITY = (np.array(TFA[key], "float32") for key in ("truth", "probability"))


def as_ours(threshold):
    """TensorFlow Addons takes the largest class where it is given no threshold."""
    return {"classes": "exclusive"} if threshold is None else {"threshold": threshold}


@pytest.mark.parametrize("golden", TFA["f_beta"], ids=lambda g: f"{g['beta']}-{g['average']}-{g['threshold']}")
def test_f_beta_pooled_over_samples_is_that_of_tensorflow_addons(golden):
    y_true, y_pred = TRUTH, PROBABILITY
    layout = as_ours(golden["threshold"])
    if golden["average"] == "micro":  # every sample and label counts alike: one class
        if golden["threshold"] is None:
            y_pred, layout = np.eye(4, dtype="float32")[PROBABILITY.argmax(axis=1)], {}
        y_true, y_pred = y_true.reshape(1, -1, 1), y_pred.reshape(1, -1, 1)
    metric = FBetaScore(beta=golden["beta"], pool="batch", **layout)
    metric.update_state(y_true, y_pred)
    found = metric.result_per_class() if golden["average"] is None else metric.result()
    np.testing.assert_allclose(np.asarray(found), golden["value"], atol=1e-6)


@pytest.mark.parametrize("golden", TFA["f1"], ids=lambda g: str(g["average"]))
def test_f1_is_dice_pooled_over_samples(golden):
    metric = DiceScore(pool="batch")
    metric.update_state(TRUTH, PROBABILITY)
    found = metric.result_per_class() if golden["average"] is None else metric.result()
    np.testing.assert_allclose(np.asarray(found), golden["value"], atol=1e-6)


@pytest.mark.parametrize("golden", TFA["hamming"], ids=lambda g: f"{g['mode']}-{g['threshold']}")
def test_one_minus_the_hamming_loss_is_a_similarity_of_ours(golden):
    similarity = HammingSimilarity if golden["mode"] == "multilabel" else Accuracy
    metric = similarity(pool="batch", **as_ours(golden["threshold"]))
    metric.update_state(np.array(golden["truth"], "float32"), PROBABILITY)
    assert float(metric.result()) == pytest.approx(1 - golden["loss"], abs=1e-6)


@pytest.mark.parametrize("golden", TFA["focal"], ids=lambda g: f"{g['alpha']}-{g['gamma']}")
def test_the_sigmoid_focal_loss_is_keras_own_times_the_number_of_classes(golden):
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=golden["alpha"], gamma=golden["gamma"], reduction=None
    )
    found = np.asarray(keras.ops.convert_to_numpy(loss(TRUTH, PROBABILITY)))
    np.testing.assert_allclose(4 * found, golden["value"], rtol=1e-5)


@pytest.mark.parametrize("golden", MONAI["cases"], ids=lambda g: f"{g['shape']}-{g['spacing']}")
def test_surface_distances_and_dice_are_those_of_monai(golden):
    shape, spacing = golden["shape"], golden["spacing"]
    truth, prediction = (np.isin(np.arange(np.prod(shape)), golden[key]) for key in ("truth", "prediction"))
    truth, prediction = truth.reshape(shape), prediction.reshape(shape)
    assert hausdorff_distance(truth, prediction, spacing_mm=spacing) == pytest.approx(golden["hausdorff"])
    hd95 = hausdorff_distance(truth, prediction, spacing_mm=spacing, percentile=95, definition="larger")
    assert hd95 == pytest.approx(golden["hausdorff_95"])
    share = normalized_surface_distance(truth, prediction, spacing_mm=spacing, tolerance_mm=2.0)
    assert share == pytest.approx(golden["surface_dice_2mm"])
    metric = DiceScore()
    metric.update_state(truth[None, ..., None].astype("uint8"), prediction[None, ..., None].astype("float32"))
    assert float(metric.result()) == pytest.approx(golden["dice"])
