"""What importing the package loads, each time in a fresh process."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kerasmetricloss
from kerasmetricloss.cli import EXTRAS

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


@pytest.mark.parametrize(
    ("backend", "install"),
    [("tensorflow", "'.[tensorflow]', in a clone of this package"), ("torch", "keras torch"), ("jax", "keras jax")],
)
def test_asking_for_a_loss_without_a_backend_says_what_is_missing(backend, install, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    code = """
import kerasmetricloss
try:
    kerasmetricloss.SoftDice
except ImportError as error:
    print(error)
"""
    message = run(code, blocked=("keras",))
    assert "kerasmetricloss.SoftDice needs Keras 3 and a backend" in message
    assert f"pip install {install}; or set KERAS_BACKEND" in message


def spelled(spelling: str, module: str) -> list[str]:
    return f"{spelling}{module}".split()


@pytest.mark.parametrize("spelling", ["-m ", "-m", "-Im ", "-Im", "-BXutf8 -m ", "-W ignore -X dev -Em"])
def test_the_module_to_run_is_read_in_every_spelling_of_python(spelling):
    words = [*spelled(spelling, "some.module"), "-m", "another"]
    assert kerasmetricloss._module_to_run(words) == "some.module"
    assert kerasmetricloss._module_to_run(["--check-hash-based-pycs", "-m", *words]) == "some.module"
    assert kerasmetricloss._module_to_run(["script.py"]) == ""


GROUPED = "-Bm "  # read as -Im is, which would look for an installed package


@pytest.mark.parametrize("spelling", ["-m ", "-m", GROUPED])
def test_the_command_starts_without_keras_in_every_spelling(spelling):
    command = [sys.executable, "-X", "importtime", *spelled(spelling, "kerasmetricloss"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout[:16]) == (0, "kerasmetricloss "), done.stderr
    assert "kerasmetricloss.cli" in done.stderr
    assert "keras.src" not in done.stderr


@pytest.mark.parametrize("spelling", ["-m ", "-m", GROUPED])
def test_another_module_that_imports_the_package_runs_in_every_spelling(spelling, tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    # Python imports a package, and with it this one, while it still looks for the module to run.
    (package / "__init__.py").write_text("import sys\nsys.modules['keras'] = None\nimport kerasmetricloss\n")
    (package / "__main__.py").write_text("from mine import kerasmetricloss\nprint(kerasmetricloss._on_demand)\n")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *spelled(spelling, "mine")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


@pytest.mark.parametrize(
    ("missing", "mend"),
    [
        ("pandas", "No module named 'pandas'. This command needs more .*: pip install '.[study]', in a clone"),
        ("tensorflow", "No module named 'tensorflow'. This .*: pip install '.[tensorflow]', in a clone"),
        ("torch", "No module named 'torch'. This .*: pip install torch."),
    ],
)
def test_a_command_names_the_extra_that_is_missing_and_no_other(missing, mend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", missing if missing == "tensorflow" else "torch")
    code = f"""
import sys
from kerasmetricloss.cli import main
sys.stderr = sys.stdout
try:
    main({["losses"] if missing != "pandas" else ["report", "."]!r})
except SystemExit as stop:
    print(stop.code)
"""
    message, status = run(code, blocked=(missing,)).splitlines()[-2:]
    assert re.match(f"kerasmetricloss: {re.escape(mend)}".replace(re.escape(".*"), ".*"), message), message
    assert status == "2"


def test_every_extra_that_a_command_can_miss_is_known():
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).parents[1] / "setup.cfg")
    extras = parser["options.extras_require"]
    names = {"pillow": "PIL"}
    for extra, modules in EXTRAS.items():
        brought = {line.partition(">=")[0] for line in extras[extra].split()}
        assert {names.get(module, module) for module in brought} == modules


def test_every_package_of_an_extra_is_imported_somewhere():
    package = Path(__file__).parents[1] / "kerasmetricloss"
    source = "\n".join(path.read_text() for path in package.rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", source, flags=re.MULTILINE))
    # pandas writes Parquet with pyarrow.
    assert set().union(*EXTRAS.values()) - imported <= {"pyarrow"}


def test_an_unknown_name_is_an_attribute_error():
    code = """
import kerasmetricloss
try:
    kerasmetricloss.HardDice
except AttributeError as error:
    print(error)
"""
    assert run(code) == "module 'kerasmetricloss' has no attribute 'HardDice'"


def test_a_saved_network_is_found_by_load_model_after_one_import(tmp_path):
    path = str(tmp_path / "net.keras")
    run(f"from kerasmetricloss import models; models.unet(dimension=2, input_channels=1, filters=1).save({path!r})")
    code = f"import kerasmetricloss, keras; print(keras.saving.load_model({path!r}).name)"
    assert run(code).splitlines()[-1] == "unet"


def test_losses_and_metrics_are_found_by_load_model_after_one_import():
    code = """
import kerasmetricloss, keras
print(keras.saving.get_registered_object('kerasmetricloss>SoftDice').__name__,
      keras.saving.get_registered_object('kerasmetricloss>DiceScore').__name__)
"""
    assert run(code).splitlines()[-1] == "SoftDice DiceScore"
