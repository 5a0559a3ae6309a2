"""Writing a phantom data set: all of it or nothing, and the same bytes for the same seed."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from kerasmetricloss.datasets.case import DataError
from kerasmetricloss.datasets.phantom.layouts import LAYOUTS
from kerasmetricloss.datasets.phantom.random_fields import case_generator

MANIFEST = "phantom.json"
# Raised when the same seed no longer gives the same files, so that an older folder is not taken for a new one.
GENERATOR_VERSION = 1

_README = """# Phantoms, not patients

Every image here is synthetic. No scan, frame or radiograph of a person went into it, and a score on it says nothing
about patients. Made by kerasmetricloss as `phantom {name} --cases {cases} --seed {seed}`, size {size}.

{about}

How the truth is made: the scene has one object, or several alike, with a smooth level-set function. Eight readers,
from strict to generous, outline it in their own way: each with an offset in proportion to the object's size and a bend
of the border. An annex, fainter than the object's body, is counted in with a probability between 0.3 and 0.6. One of
these outlines is drawn, by its probability, as the truth that is written. The image is made from the scene, never from
the drawn outline.

`posterior/<case>.npz` holds what a real data set cannot: `posterior`, the probability of the truth at each voxel given
the scene (float32, labels last, on the grid of the truth as the readers turn it: right, front, top), the outlines
(`outlines_packed`, numpy.packbits along axis 1) with their `probabilities`, the index `drawn`, and the names of the
`labels`.
A network sees the scene through noise, so its own best posterior is less certain than this one.

The generator knows nothing of losses or networks. `phantom.json` lists the settings and the SHA-256 of every file.
The same settings give the same bytes with the same versions of NumPy and Pillow on the same kind of processor.
"""


def phantom_names() -> tuple[str, ...]:
    """Return the names of the data sets that have phantoms."""
    return tuple(sorted(LAYOUTS))


def write_phantom(
    name: str,
    out: Path | str,
    *,
    cases: int,
    seed: int,
    size: Sequence[int] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write a phantom data set in the on-disk layout of the real one.

    The folder appears under its name when all of it is written; an interrupted run leaves at most a hidden sibling
    named ``.<out>.partial-*``. Case i is the same whatever the number of cases.

    Args:
        name: One of :func:`phantom_names`.
        out: The folder to make; it must not exist, or be empty.
        cases: How many cases, at least 1.
        seed: 0 or more.
        size: (width, height) of the pictures or (x, y, z) of the volumes; by default the data set's own.
        progress: Called after each case with (cases done, cases in all, number of the case).

    Returns:
        The folder.

    Raises:
        DataError: A setting is out of range, or the folder holds something already.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = write_phantom("po18", f"{folder}/po18", cases=1, seed=0, size=(48, 40))
        ...     sorted(str(path.relative_to(root)) for path in root.rglob("*.*"))
        ['Ground Truth/1.png', 'Original/1.png', 'README.md', 'phantom.json', 'posterior/1.npz']
    """
    out = Path(out)
    settings = _settings(name, cases, seed, size)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError("a phantom is not written over what is there", file=out, mend="name a new folder or empty it")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    try:
        partial.chmod(0o755)
        files = _write_cases(partial, settings, progress)
        (partial / "README.md").write_text(_readme(settings), encoding="utf-8")
        manifest = json.dumps({**settings, "files": files}, indent=1)
        (partial / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return out


def ensure_phantom(
    name: str,
    out: Path | str,
    *,
    cases: int,
    seed: int,
    size: Sequence[int] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write a phantom data set, or return the folder where exactly this one stands already, whole and unchanged.

    Arguments and errors are those of :func:`write_phantom`; a folder with other settings, or with a file that was
    changed or lost, is an error.
    """
    out = Path(out)
    manifest = out / MANIFEST
    if not manifest.is_file():
        return write_phantom(name, out, cases=cases, seed=seed, size=size, progress=progress)
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        files = found.pop("files")
    except (ValueError, KeyError, AttributeError, OSError) as error:
        mend = "delete the folder and write it again"
        raise DataError(
            f"the list of the phantom's files cannot be read ({error})", file=manifest, mend=mend
        ) from error
    wanted = _settings(name, cases, seed, size)
    if found != wanted:
        differences = [
            f"{key} {found.get(key)} instead of {value}" for key, value in wanted.items() if found.get(key) != value
        ]
        mend = "name another folder, or delete this one"
        raise DataError(f"another phantom is there: {', '.join(differences)}", file=out, mend=mend)
    for path, digest in files.items():
        file = out / path
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise DataError(
                "the phantom's file was changed or lost", file=file, mend=f"delete {out} and write it again"
            )
    return out


def _settings(name: str, cases: int, seed: int, size: Sequence[int] | None) -> dict:
    if name not in LAYOUTS:
        raise DataError(f"there is no phantom named {name!r}", mend=f"there are {', '.join(phantom_names())}")
    default = LAYOUTS[name].default_size
    size = default if size is None else tuple(int(length) for length in size)
    if cases < 1:
        raise DataError(f"{cases} cases were asked for, expected at least 1")
    if seed < 0:
        raise DataError(f"the seed is {seed}, expected 0 or more")
    least = LAYOUTS[name].smallest
    if len(size) != len(least) or any(length < bound for length, bound in zip(size, least, strict=True)):
        raise DataError(f"the size is {size}, expected {len(least)} numbers of at least {', '.join(map(str, least))}")
    return {"phantom": name, "cases": cases, "seed": seed, "size": list(size), "generator": GENERATOR_VERSION}


def _write_cases(root: Path, settings: dict, progress: Callable[[int, int, str], None] | None) -> dict[str, str]:
    digests = {}
    make, cases = LAYOUTS[settings["phantom"]].case_files, settings["cases"]
    for index in range(cases):
        rng = case_generator(settings["phantom"], seed=settings["seed"], index=index)
        for path, data in make(rng, index, tuple(settings["size"])).items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            digests[path] = hashlib.sha256(data).hexdigest()
        if progress is not None:
            progress(index + 1, cases, str(index + 1))
    return digests


def _readme(settings: dict) -> str:
    return _README.format(
        name=settings["phantom"],
        cases=settings["cases"],
        seed=settings["seed"],
        size="x".join(str(length) for length in settings["size"]),
        about=LAYOUTS[settings["phantom"]].about,
    )
