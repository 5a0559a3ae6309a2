"""Losses in ``compile`` and ``fit``: training, saving, mixed precision, parts, weights."""

import keras
import numpy as np
import pytest

from kerasmetricloss.losses import (
    CrossEntropy,
    FocalTversky,
    GeneralizedDice,
    LovaszHinge,
    LovaszSigmoid,
    LovaszSoftmax,
    SoftDice,
    SoftJaccard,
    SoftTversky,
    WeightedCrossEntropy,
)
from kerasmetricloss.metrics import DiceScore

RNG = np.random.default_rng(6)
TRUTH = (RNG.random((5, 6, 7, 2)) > 0.5).astype("uint8")
IMAGES = (TRUTH + 0.3 * RNG.standard_normal(TRUTH.shape)).astype("float32")
EVERY = [
    CrossEntropy(),
    WeightedCrossEntropy(prior=[0.3, 0.4]),
    SoftDice(norm=2),
    SoftJaccard(pool="batch"),
    SoftTversky(alpha=0.3, beta=0.7),
    FocalTversky(gamma=0.8),
    GeneralizedDice(),
    LovaszSigmoid(),
    LovaszSigmoid(bins=50),
    LovaszSoftmax(bins=50, from_logits=True),
    LovaszHinge(),
    0.5 * SoftDice() + CrossEntropy(),
    SoftJaccard(ignore_label=9, class_weights=[1, 3], smooth_dr=1.0, empty=0.5, data_format="channels_last"),
]


def model_for(loss):
    keras.utils.set_random_seed(1)
    logits = getattr(getattr(loss, "layout", None), "from_logits", False)
    return keras.Sequential(
        [keras.Input((6, 7, 2)), keras.layers.Conv2D(2, 1, activation=None if logits else "sigmoid")]
    )


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_trains_and_comes_back_from_a_file(loss, tmp_path):
    truth = TRUTH[..., 0] if isinstance(loss, LovaszSoftmax) else TRUTH
    model = model_for(loss)
    model.compile(keras.optimizers.Adam(0.05), loss=loss, jit_compile=False)
    # 5 images in batches of 2: the last batch is smaller.
    history = model.fit(IMAGES, truth, batch_size=2, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert type(copy.loss) is type(loss)
    assert copy.loss.get_config() == loss.get_config()
    expected = model.evaluate(IMAGES, truth, batch_size=2, verbose=0)
    assert copy.evaluate(IMAGES, truth, batch_size=2, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_the_dtype_comes_back_from_a_file(tmp_path):
    model = model_for(SoftDice())
    model.compile("sgd", loss=SoftDice(dtype="float16"), jit_compile=False)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss.dtype == "float16"


@pytest.mark.parametrize("loss", [SoftDice(), CrossEntropy(), LovaszSigmoid(bins=50)], ids=repr)
def test_compiles_with_xla(loss):
    if keras.backend.backend() == "torch":
        pytest.skip("XLA is TensorFlow's and JAX's")
    prediction = model_for(loss).predict(IMAGES, verbose=0)
    assert float(_with_xla(loss)(TRUTH, prediction)) == pytest.approx(float(loss(TRUTH, prediction)), rel=1e-5)


def _with_xla(function):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def test_weights_a_voxel_reach_the_loss_in_fit():
    weight = RNG.random(TRUTH.shape[:-1]).astype("float32")
    model = model_for(SoftDice())
    model.compile("sgd", loss=SoftDice(), jit_compile=False)
    expected = float(SoftDice()(TRUTH, model.predict(IMAGES, verbose=0), weight))
    found = model.evaluate(IMAGES, TRUTH, sample_weight=weight, batch_size=5, verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [None, RNG.random(len(TRUTH)), RNG.random(TRUTH.shape[:-1])], ids=np.shape)
@pytest.mark.parametrize(
    "settings",
    [{}, {"pool": "batch"}, {"reduction": "sum"}, {"pool": "batch", "reduction": "mean_with_sample_weight"}],
    ids=str,
)
def test_parts_show_in_fit_and_add_up_over_batches_of_4_and_1(settings, weight):
    loss = 0.5 * SoftDice(**settings) + 2.0 * CrossEntropy(**settings)
    model = model_for(loss)
    model.compile("sgd", loss=loss, weighted_metrics=loss.part_metrics(), jit_compile=False)
    logs = model.fit(IMAGES, TRUTH, sample_weight=weight, batch_size=4, epochs=1, verbose=0).history
    total = 0.5 * logs["soft_dice"][0] + 2 * logs["cross_entropy"][0]
    assert logs["loss"][0] == pytest.approx(total, rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's graphs leave a shape open")
@pytest.mark.parametrize("settings", [{"classes": "exclusive"}, {"classes": "exclusive", "ignore_label": 9}], ids=str)
def test_one_model_takes_one_hot_truths_and_label_maps(settings):
    labels = np.array([[0, 1, 2, 2], [1, 0, 0, 2]])
    onehot = keras.utils.to_categorical(labels, 3)
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.Identity()])
    model.compile("sgd", loss=SoftDice(**settings), metrics=[DiceScore(**settings)], jit_compile=False)
    # After the second shape Keras traces one graph for both, in which the last axis is open.
    for truth in (onehot, labels[..., None], labels[..., None], onehot):
        assert model.test_on_batch(onehot, truth) == pytest.approx([0.0, 1.0])
    with pytest.raises(ValueError, match="y_true has a shape of unknown rank"):
        model.test_on_batch(onehot, labels)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's graphs leave a rank open")
def test_weights_of_an_unknown_rank_are_refused_by_name():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec((None, 4, 3))])
    def value(weight, y_pred):
        return SoftDice()(y_pred, y_pred, sample_weight=weight)

    with pytest.raises(ValueError, match="sample_weight has a shape of unknown rank"):
        value(tf.ones(2), tf.ones((2, 4, 3)))


@pytest.mark.parametrize("loss", [SoftDice(), CrossEntropy(), LovaszSigmoid()], ids=repr)
def test_mixed_precision_trains(loss):
    keras.utils.set_random_seed(1)
    policy = "mixed_bfloat16" if keras.backend.backend() == "torch" else "mixed_float16"
    layer = keras.layers.Conv2D(2, 1, activation="sigmoid", dtype=policy)
    model = keras.Sequential([keras.Input((6, 7, 2)), layer])
    model.compile(keras.optimizers.SGD(0.5), loss=loss, jit_compile=False)
    history = model.fit(IMAGES, TRUTH, batch_size=5, epochs=4, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
