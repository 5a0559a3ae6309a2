import keras
import pytest


@pytest.fixture
def channels_first():
    """Keras' default order of axes is the other while a test runs."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")
