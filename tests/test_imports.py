"""What importing the package loads, each time in a fresh process."""

import subprocess
import sys

import pytest

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(code: str, *, blocked: tuple[str, ...] = ()) -> str:
    code = f"BLOCKED = {set(blocked)!r}\n{BLOCKER}\n{code}"
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_a_loss_loads_no_reader_table_or_plot_beyond_what_keras_loads():
    code = """
import keras
before = set(sys.modules)
from kerasmetricloss import SoftDice
print(*{name.partition('.')[0] for name in set(sys.modules) - before})
"""
    loaded = set(run(code).split())
    assert "kerasmetricloss" in loaded
    assert not loaded & {"nibabel", "pandas", "matplotlib", "skimage", "scipy", "statsmodels", "pyarrow", "PIL"}


@pytest.mark.parametrize("module", ["scores", "statistics", "reports", "theory", "datasets"])
def test_works_without_keras(module):
    backends = ("keras", "tensorflow", "jax", "torch")
    assert run(f"import kerasmetricloss.{module}; print('ok')", blocked=backends) == "ok"


def test_asking_for_a_loss_without_a_backend_says_what_is_missing():
    code = """
import kerasmetricloss
try:
    kerasmetricloss.SoftDice
except ImportError as error:
    print(error)
"""
    message = run(code, blocked=("keras",))
    assert "kerasmetricloss.SoftDice needs Keras 3 and a backend" in message
    assert "pip install 'kerasmetricloss[tensorflow]'" in message


def test_an_unknown_name_is_an_attribute_error():
    code = """
import kerasmetricloss
try:
    kerasmetricloss.HardDice
except AttributeError as error:
    print(error)
"""
    assert run(code) == "module 'kerasmetricloss' has no attribute 'HardDice'"


def test_losses_and_metrics_are_found_by_load_model_after_one_import():
    code = """
import kerasmetricloss, keras
print(keras.saving.get_registered_object('kerasmetricloss>SoftDice').__name__,
      keras.saving.get_registered_object('kerasmetricloss>DiceScore').__name__)
"""
    assert run(code).splitlines()[-1] == "SoftDice DiceScore"
