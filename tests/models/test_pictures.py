import importlib.util
from pathlib import Path

import keras
import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("draw_models", DOCS / "draw_models.py")
draw_models = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(draw_models)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a picture is the same whoever computes")
@pytest.mark.parametrize("name", draw_models.NETWORKS)
def test_a_picture_shows_the_network_as_it_is_built(name):
    drawn = draw_models.Picture(draw_models.NETWORKS[name]()).svg()
    # Mend with: python docs/draw_models.py
    assert (DOCS / "models" / f"{name}.svg").read_text(encoding="utf-8") == drawn
