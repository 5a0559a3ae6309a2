"""Scoring after an epoch, while the steps stay compiled."""

import keras
import numpy as np
import pytest

from kerasmetricloss.metrics import AbsoluteVolumeDifference, DiceScore, HausdorffDistance, ScoreAfterEpoch
from kerasmetricloss.metrics.surface import hausdorff_distance

RNG = np.random.default_rng(2)
TRUTH = (RNG.random((5, 4, 6, 1)) > 0.5).astype("float32")
IMAGES = (TRUTH + 0.7 * RNG.standard_normal(TRUTH.shape)).astype("float32")
SPACING = np.array([[1.0, 2.0], [3.0, 1.0], [1.0, 1.0], [2.0, 2.0], [0.5, 4.0]])


def trained(callbacks, epochs=2):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4, 6, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")])
    model.compile(optimizer="sgd", loss="binary_crossentropy")
    return model, model.fit(IMAGES, TRUTH, batch_size=3, epochs=epochs, verbose=0, callbacks=callbacks).history


def expected(model):
    predicted = model.predict(IMAGES, verbose=0)[..., 0] > 0.5
    values = [
        hausdorff_distance(y, p, spacing_mm=s) for y, p, s in zip(TRUTH[..., 0] > 0.5, predicted, SPACING, strict=True)
    ]
    return float(np.nanmean(values)), float(np.isnan(values).sum())


def test_logs_the_scores_of_the_weights_after_the_epoch_with_the_spacing_of_each_case():
    scores = ScoreAfterEpoch(
        IMAGES, TRUTH, metrics=[HausdorffDistance(), DiceScore()], batch_size=2, per_case={"spacing_mm": SPACING}
    )
    model, history = trained([scores])
    mean, left_out = expected(model)
    assert history["val_hausdorff_distance"][-1] == pytest.approx(mean, rel=1e-6)
    assert history["val_hausdorff_distance_left_out"][-1] == left_out
    assert len(history["val_dice_score"]) == 2


def test_batches_give_the_same_as_arrays():
    batches = [(IMAGES[:2], TRUTH[:2]), (IMAGES[2:], TRUTH[2:])]
    callbacks = [
        ScoreAfterEpoch(batches, metrics=[HausdorffDistance()], prefix="batches_", per_case={"spacing_mm": SPACING}),
        ScoreAfterEpoch(IMAGES, TRUTH, metrics=[HausdorffDistance()], per_case={"spacing_mm": SPACING}),
    ]
    _, history = trained(callbacks)
    assert history["batches_hausdorff_distance"] == pytest.approx(history["val_hausdorff_distance"])


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        chosen = slice(3 * index, 3 * index + 3)
        return IMAGES[chosen], TRUTH[chosen]


def test_a_pydataset_is_read_batch_by_batch():
    metric = DiceScore()
    model, history = trained([ScoreAfterEpoch(Pairs(), metrics=[metric])], epochs=1)
    metric = DiceScore()
    metric.update_state(TRUTH, model.predict(IMAGES, verbose=0))
    assert history["val_dice_score"][0] == pytest.approx(float(metric.result()))


def test_weights_and_volumes_reach_the_metrics():
    weight = np.array([1, 0, 2, 1, 1], "float32")
    volumes = [1.0, 2.0, 3.0, 4.0, 5.0]
    metric = AbsoluteVolumeDifference(voxel_volume_ml=1.0)
    scores = ScoreAfterEpoch(IMAGES, TRUTH, weight, metrics=[metric], per_case={"voxel_volume_ml": volumes})
    model, history = trained([scores], epochs=1)
    predicted = (model.predict(IMAGES, verbose=0) > 0.5).sum(axis=(1, 2, 3))
    values = np.abs(predicted - TRUTH.sum(axis=(1, 2, 3))) * volumes
    assert history["val_absolute_volume_difference"][0] == pytest.approx((weight * values).sum() / 5, rel=1e-6)


def test_scores_every_second_epoch_and_values_a_class():
    metric = DiceScore(per_class=("polyp",))
    _, history = trained([ScoreAfterEpoch(IMAGES, TRUTH, metrics=[metric], every=2)], epochs=4)
    assert len(history["val_dice_score_polyp"]) == 2
    assert len(history["loss"]) == 4


def test_a_callback_behind_it_can_watch_the_score():
    scores = ScoreAfterEpoch(IMAGES, TRUTH, metrics=[HausdorffDistance(missed="diagonal", name="hd")])
    stop = keras.callbacks.EarlyStopping("val_hd", mode="min", patience=1, min_delta=1e9)
    _, history = trained([scores, stop], epochs=6)
    assert len(history["val_hd"]) == 2


def test_the_cases_left_out_are_logged_for_each_class():
    y = np.concatenate([TRUTH, 0 * TRUTH], axis=-1)
    model = keras.Sequential([keras.Input((4, 6, 2)), keras.layers.Activation("linear")])
    scores = ScoreAfterEpoch(y, y, metrics=[DiceScore(empty=float("nan"), per_class=("organ", "lesion"), name="dice")])
    scores.set_model(model)
    logs = {}
    scores.on_epoch_end(0, logs)
    found = {name: value for name, value in logs.items() if name.endswith("left_out")}
    assert found == {"val_dice_left_out": 5.0, "val_dice_organ_left_out": 0.0, "val_dice_lesion_left_out": 5.0}


def test_inputs_in_a_dictionary_are_cut_into_batches():
    image = keras.Input((4, 6, 1), name="image")
    mask = keras.Input((4, 6, 1), name="mask")
    model = keras.Model({"image": image, "mask": mask}, keras.layers.Multiply()([image, mask]))
    scores = ScoreAfterEpoch({"image": TRUTH, "mask": TRUTH}, TRUTH, metrics=[DiceScore()], batch_size=2)
    scores.set_model(model)
    logs = {}
    scores.on_epoch_end(0, logs)
    assert logs == {"val_dice_score": 1.0, "val_dice_score_left_out": 0.0}


@pytest.mark.parametrize(
    "x", [IMAGES, [IMAGES, IMAGES], (IMAGES, TRUTH), {"image": IMAGES}], ids=["array", "list", "tuple", "dict"]
)
def test_arrays_without_truths_are_refused(x):
    with pytest.raises(ValueError, match=r"x is arrays but y is None"):
        ScoreAfterEpoch(x, metrics=[DiceScore()])


@pytest.mark.parametrize("name", ["every", "batch_size"])
@pytest.mark.parametrize("number", [0, -1, 1.5, None, "2"])
def test_numbers_of_epochs_and_cases_are_at_least_one(name, number):
    with pytest.raises(ValueError, match=rf"{name}={number!r}, expected a whole number >= 1"):
        ScoreAfterEpoch(IMAGES, TRUTH, metrics=[DiceScore()], **{name: number})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": TRUTH[:3]}, r"y has 3, x\[0\] has 5; expected one entry a case"),
        ({"sample_weight": np.ones(4)}, "sample_weight has 4"),
        ({"per_case": {"spacing_mm": SPACING[:2]}}, r"per_case\['spacing_mm'\] has 2"),
        (
            {"per_case": {"spacing": SPACING}},
            r"per_case has 'spacing', which none of the metrics \[Hausdorff.*remove it",
        ),
        ({"y": {"mask": TRUTH}}, "y is a dict of 1, expected one array: ScoreAfterEpoch scores models of one output"),
        ({"y": [TRUTH, TRUTH]}, "y is a list of 2, expected one array"),
    ],
    ids=str,
)
def test_data_that_does_not_belong_together_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScoreAfterEpoch(**{"x": IMAGES, "y": TRUTH, "metrics": [HausdorffDistance()], **arguments})


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([(IMAGES,)], r"a batch of type tuple and length 1, expected \(x, y\)"),
        ([3], r"a batch of type int, expected \(x, y\)"),
        ([(IMAGES, {"mask": TRUTH})], "a batch holds truths of a dict of 1, expected one array"),
        ([(IMAGES[:2], TRUTH[:2]), (IMAGES, TRUTH)], r"per_case\['spacing_mm'\] has 5 entries, but case 7 came"),
    ],
    ids=["one", "number", "dict", "too many"],
)
def test_batches_that_do_not_fit_are_refused(batches, message):
    metric = HausdorffDistance(missed="diagonal")
    with pytest.raises(ValueError, match=message):
        trained([ScoreAfterEpoch(batches, metrics=[metric], per_case={"spacing_mm": SPACING})], epochs=1)


@pytest.mark.parametrize("form", [dict, list])
def test_a_model_of_several_outputs_is_refused(form):
    image = keras.Input((4, 6, 1))
    outputs = [keras.layers.Conv2D(1, 1, name=name)(image) for name in "ab"]
    model = keras.Model(image, outputs if form is list else dict(zip("ab", outputs, strict=True)))
    scores = ScoreAfterEpoch(IMAGES, TRUTH, metrics=[DiceScore()])
    scores.set_model(model)
    with pytest.raises(ValueError, match=f"the model predicts a {form.__name__} of 2, expected one array"):
        scores.on_epoch_end(0, {})


def test_one_metric_may_stand_alone():
    _, history = trained([ScoreAfterEpoch(IMAGES, TRUTH, metrics=DiceScore())], epochs=1)
    assert "val_dice_score" in history
