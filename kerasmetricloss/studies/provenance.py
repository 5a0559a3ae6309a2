"""Where a study was made: versions, machine, commit, and the content of the files it read."""

import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "kerasmetricloss",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "nibabel",
)


COMMIT = "KERASMETRICLOSS_COMMIT"


def versions() -> dict[str, str]:
    """Version of Python and of each package that is installed and can change a number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def made_with() -> dict[str, Any]:
    """What a result is made with: versions, machine and commit."""
    return {"versions": versions(), "machine": machine(), "git": commit()}


def machine() -> dict[str, str | int]:
    """Processor, cores, operating system, and graphics processor where NVIDIA's driver tells of one."""
    found = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
    }
    return found | ({"gpu": _gpus()} if _gpus() else {})


@functools.cache
def commit(source: Path = Path(__file__)) -> str | None:
    """Git commit of the package's sources, where a repository tracks them; asked once in a process.

    An installed package may lie in a `.venv` inside a repository of the user's, which says nothing of the package.
    Where the sources were copied without their repository, as to the nodes of a cluster, the environment variable
    KERASMETRICLOSS_COMMIT names the commit.

    Args:
        source: A file of the package.
    """
    if told := os.environ.get(COMMIT):
        return told
    source = source.resolve()
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return None
    return _git(source.parent, "rev-parse", "HEAD")


def file_hash(paths: Iterable[Path]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the files' contents, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says in a folder; None where it says nothing, fails or is not there."""
    return _said("git", "-C", str(folder), *arguments)


@functools.cache
def _gpus() -> str | None:
    names = _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names and ", ".join(names.splitlines())


def _said(*command: str) -> str | None:
    """What a command prints; None where it prints nothing, fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
