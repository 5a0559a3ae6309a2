"""Execute the notebooks: NN_name.py is the source, NN_name.ipynb the same cells with their outputs.

python notebooks/build.py             executes every NN_name.py and writes NN_name.ipynb
python notebooks/build.py 01 04       those only
python notebooks/build.py --check     writes nothing: executes again, and compares with what is stored
python notebooks/build.py --jobs 2    two at a time

A cell tagged "varies" may show other numbers at the next run, as after a training; its words must stay.
"""

import argparse
import functools
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import matplotlib.font_manager  # noqa: F401 -- builds the font cache, whose note would stand in a first notebook
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

HERE = Path(__file__).parent
CELL_SECONDS = 600
MOST_LINES = 8  # of code in a cell, imports not counted
ONE_SECONDS, ALL_SECONDS = 360, 1800  # twice what notebooks/README.md promises, for slow and busy machines
SETTING_UP = {
    "A folder as folders are",
    "A model that could be yours",
    "A truth that nobody can know",
    "The folder",
    "The folder, and what the network sees",
    "Training",
    "What the network sees",
}
CLOSING = {"Exercise", "The same without Python", "What this does and does not show"}
NUMBER = re.compile(r"(?<![A-Za-z_])[-−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?|\bnan\b")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
RELATIVE, ABSOLUTE = 0.05, 0.02  # between a number that is stored and the same number in another run


class Problem(Exception):
    """What is wrong with a notebook, in a line."""


def sources(chosen: Sequence[str] = ()) -> list[Path]:
    """The notebooks' sources in order; all, or those whose number or name is chosen."""
    every = sorted(HERE.glob("[0-9][0-9]_*.py"))
    found = [path for path in every if not chosen or {path.stem, path.stem[:2]} & set(chosen)]
    missing = set(chosen) - {name for path in found for name in (path.stem, path.stem[:2])}
    if missing:
        raise Problem(f"no notebook {', '.join(sorted(missing))}: there are {', '.join(p.stem for p in every)}")
    return found


def read_source(path: Path) -> NotebookNode:
    """Read NN_name.py as a notebook without outputs, the same bytes each time."""
    notebook = jupytext.read(path)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02d}"
        cell.metadata = NotebookNode({"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {})
    return notebook


def execute(path: Path) -> NotebookNode:
    """Run every cell in a fresh kernel, in an empty folder, and return the notebook with its outputs.

    Raises:
        Problem: A cell failed, wrote a warning, or shows where or when it ran.
    """
    notebook = read_source(path)
    # What a backend writes about its own start-up stays out of the notebook.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as notes:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
        )
        try:
            client.execute(stderr=notes)
        except CellExecutionError as error:
            raise Problem(ANSI.sub("", f"a cell failed\n{error}")) from None
        except DeadKernelError:
            notes.seek(0)
            raise Problem(f"the kernel died, and said\n{notes.read()[-2000:]}") from None
    notebook.metadata.pop("widgets", None)
    for cell in code_cells(notebook):
        cell.outputs = [_tidy(output, cell) for output in _merged(cell.outputs)]
    return notebook


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The cells of code, in order."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what one stream wrote in several pieces: how many there are is chance."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _tidy(output: NotebookNode, cell: NotebookNode) -> NotebookNode:
    if output.get("name") == "stderr":
        raise Problem(f"{cell.id} writes to stderr: {output.text.strip()[:500]}")
    text = _text(output)
    if "WARNING:" in text:  # TensorFlow logs to stdout in a notebook
        raise Problem(f"{cell.id} shows a warning: {text.strip()[:500]}")
    if re.search(r" at 0x[0-9a-f]{6,}", text):
        raise Problem(f"{cell.id} shows an address in memory: {text[:200]}")
    if "data" in output and "image/png" in output.data:
        # The text beside a picture, <Figure size 640x480>, says nothing.
        output.data.pop("text/plain", None)
    return output


def _text(output: NotebookNode) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else "".join(text)


def pictures(notebook: NotebookNode) -> int:
    """How many PNGs the notebook shows."""
    return sum("image/png" in output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs)


def rules(notebook: NotebookNode) -> list[str]:
    """What a notebook of this house lacks: a picture, questions, an exercise with a hidden solution, short cells."""
    broken = []
    if not pictures(notebook):
        broken.append("it shows no picture")
    if not any("<details>" in cell.source for cell in notebook.cells[-3:] if cell.cell_type == "markdown"):
        broken.append("it does not close with an exercise whose solution is in <details>")
    broken += [
        f'the section "{title}" shows without asking: **Predict.** stands nowhere in it' for title in unasked(notebook)
    ]
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        lines = [line for line in lines if not re.match(r"(from|import) ", line)]
        if len(lines) > MOST_LINES:
            broken.append(f"{cell.id} has {len(lines)} lines of code, at most {MOST_LINES} are easy to follow")
    return broken


def unasked(notebook: NotebookNode) -> list[str]:
    """The teaching sections that never ask the reader to predict; those that set up or close need not."""
    asked: dict[str, bool] = {}
    title = ""  # what stands before the first section sets up
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for line in cell.source.splitlines():
            if line.startswith("## "):
                title = line.removeprefix("## ")
                asked[title] = False
            elif "**Predict" in line:
                asked[title] = True
    return [title for title, it_asks in asked.items() if not it_asks and title not in SETTING_UP | CLOSING]


def unpaired(source: NotebookNode, stored: NotebookNode) -> str:
    """Where the stored notebook has other cells than its source; "" if nowhere."""
    pairs = [[(cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (source, stored)]
    for number, (have, want) in enumerate(zip(*pairs, strict=False), start=1):
        if have != want:
            return f"cell {number} differs between .py and .ipynb"
    return "" if len(pairs[0]) == len(pairs[1]) else f".py has {len(pairs[0])} cells, .ipynb {len(pairs[1])}"


def same_text(stored: str, found: str, *, varies: bool = False) -> bool:
    """Whether two outputs say the same: words equal, numbers close (or any, where they vary)."""
    words = [NUMBER.sub("#", text).split() for text in (stored, found)]
    if words[0] != words[1]:
        return False
    pairs = zip(*(map(_value, NUMBER.findall(text)) for text in (stored, found)), strict=True)
    return varies or all(_close(a, b) for a, b in pairs)


def _value(number: str) -> float:
    return float(number.replace("−", "-").replace(",", ""))


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (math.isnan(a) and math.isnan(b))


def differences(stored: NotebookNode, found: NotebookNode) -> list[str]:
    """Where the outputs of another run differ by more than they may."""
    told = []
    for before, after in zip(code_cells(stored), code_cells(found), strict=True):
        kinds = [[output.output_type for output in cell.outputs] for cell in (before, after)]
        if kinds[0] != kinds[1]:
            told.append(f"{before.id} gave {kinds[0]}, now {kinds[1]}")
            continue
        varies = "varies" in before.metadata.get("tags", [])
        for a, b in zip(before.outputs, after.outputs, strict=True):
            if ("image/png" in a.get("data", {})) != ("image/png" in b.get("data", {})):
                told.append(f"{before.id} shows a picture in one run only")
            if not same_text(_text(a), _text(b), varies=varies):
                told.append(f"{before.id} gave\n{_text(a)}\nnow\n{_text(b)}")
    return told


def build(path: Path) -> None:
    """Execute one notebook and write it."""
    notebook = execute(path)
    if broken := rules(notebook):
        raise Problem("; ".join(broken))
    path.with_suffix(".ipynb").write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def check(path: Path) -> None:
    """Compare the stored notebook with its source, and its outputs with another run."""
    stored_at = path.with_suffix(".ipynb")
    if not stored_at.exists():
        raise Problem(f"{stored_at.name} is missing: make notebooks")
    stored = nbformat.read(stored_at, as_version=4)
    if differs := unpaired(read_source(path), stored):
        raise Problem(f"{differs}: make notebooks")
    told = [*rules(stored), *differences(stored, execute(path))]
    if told:
        raise Problem("\n".join(told))


def too_slow(seconds: Mapping[str, float]) -> list[str]:
    """Which notebooks took longer than they may, and whether all of them together did."""
    told = [
        f"{name} took {taken:.0f} s, more than the {ONE_SECONDS} s that one notebook may take"
        for name, taken in seconds.items()
        if taken > ONE_SECONDS
    ]
    if (total := sum(seconds.values())) > ALL_SECONDS:
        longest = max(seconds, key=seconds.__getitem__)
        told.append(
            f"all took {total:.0f} s, more than the {ALL_SECONDS} s that they may take together; "
            f"the longest is {longest}, {seconds[longest]:.0f} s"
        )
    return told


def main() -> int:
    """Build or check the notebooks, and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="numbers or names; all if left out")
    parser.add_argument("--check", action="store_true", help="compare with what is stored, write nothing")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="notebooks at a time (default: 1)")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        chosen = sources(arguments.notebooks)
    except Problem as problem:
        parser.error(str(problem))
    failed, seconds, start = 0, {}, time.monotonic()
    work = functools.partial(_timed, check if arguments.check else build)
    with ThreadPoolExecutor(arguments.jobs) as threads:
        results = threads.map(work, chosen) if arguments.jobs > 1 else map(work, chosen)
        for path, (problem, taken) in zip(chosen, results, strict=True):
            failed += bool(problem)
            said = f"FAILED: {problem}" if problem else "as stored" if arguments.check else "written"
            seconds[path.stem] = taken
            print(f"{path.stem:34} {taken:5.0f} s  {said}", flush=True)
    print(f"{'all':34} {time.monotonic() - start:5.0f} s, {arguments.jobs} at a time")
    # How long it takes depends on what else the machine does: worth a word, no reason to fail.
    for complaint in too_slow(seconds) if arguments.check and arguments.jobs == 1 else ():
        print(f"slow: {complaint}")
    return 1 if failed else 0


def _timed(work: Callable[[Path], None], path: Path) -> tuple[str, float]:
    """What is wrong with a notebook, "" for nothing, and the seconds it took."""
    start = time.monotonic()
    try:
        work(path)
    except Problem as problem:
        return str(problem), time.monotonic() - start
    return "", time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
