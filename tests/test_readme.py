"""What the README shows works as it stands there."""

import re
import shlex
from pathlib import Path

import keras
import numpy as np

from kerasmetricloss.cli import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_lines_for_ones_own_model_train_save_and_reload(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    scope = {}
    exec(code, scope)
    again, images = keras.saving.load_model("model.keras"), scope["images"]
    np.testing.assert_allclose(again.predict(images, verbose=0), scope["model"].predict(images, verbose=0), atol=1e-6)
    assert type(again.loss).__name__ == "SoftDice"


def test_every_command_of_the_readme_is_one():
    commands = re.findall(r"(?:^    |`)(kerasmetricloss [a-z][^`\n]*)", README, re.MULTILINE)
    assert len(commands) > 3
    for command in commands:
        parser().parse_args(shlex.split(command)[1:])


def test_every_make_target_of_the_readme_is_one():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", "\n".join(re.findall(r"`[^`]+`|^    .*$", README, re.MULTILINE)))
    )
    assert named
    assert named <= targets


def test_every_link_of_the_readme_that_stays_here_leads_somewhere():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
