"""Every loss keeps its arguments when it is written down, and checks them."""

import pickle

import keras
import pytest

from kerasmetricloss import losses

from .families import BUILD, arrays, every_loss

SETTINGS = {
    "name": "mine",
    "reduction": "sum",
    "dtype": "float16",
    "from_logits": True,
    "data_format": "channels_first",
    "include": (1, 2),
    "class_weights": (1.0, 3.0),
    "ignore_label": 255,
    "pool": "batch",
}


@every_loss
def test_config_pickle_and_repr_keep_every_argument(loss):
    function = BUILD[loss](**SETTINGS)
    config = function.get_config()
    assert {key: config[key] for key in SETTINGS} == SETTINGS
    wire = keras.saving.serialize_keras_object(function)
    copies = [loss.from_config(config), keras.saving.deserialize_keras_object(wire)]
    copies += [pickle.loads(pickle.dumps(function)), eval(repr(function), vars(losses))]
    for copy in copies:
        assert type(copy) is loss
        assert copy.get_config() == config
    assert keras.losses.deserialize(keras.losses.serialize(function)).get_config() == config


@every_loss
def test_weights_by_class_index_are_weights_in_their_order(loss):
    by_index, in_order = (BUILD[loss](class_weights=w, name="l") for w in ({2: 5.0, 0: 1.0, 1: 3.0}, [1.0, 3.0, 5.0]))
    assert by_index.get_config() == in_order.get_config()
    y_true, y_pred = arrays(loss, 5, 6)
    assert float(by_index(y_true, y_pred)) == float(in_order(y_true, y_pred))
    with pytest.raises(ValueError, match=r"class_weights has 2 entries for 3 classes"):
        BUILD[loss](class_weights={0: 1.0, 1: 2.0})(y_true, y_pred)


def test_repr_shows_what_differs_from_the_defaults():
    assert repr(losses.SoftDice()) == "SoftDice()"
    assert repr(losses.SoftDice(norm=2, pool="batch", name="d")) == "SoftDice(name='d', pool='batch', norm=2)"
    assert repr(losses.SoftTversky(alpha=0.3, beta=0.7)) == "SoftTversky(alpha=0.3, beta=0.7)"


@every_loss
def test_arguments_are_keyword_only_and_checked(loss):
    with pytest.raises(TypeError):
        loss(0.5)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        BUILD[loss](smoothing=1)
    with pytest.raises(ValueError, match="pool='epoch'"):
        BUILD[loss](pool="epoch")
