"""NIfTI volumes: reading them in one orientation with every header checked, and writing them whole.

The one module that imports nibabel. Files are read as ``.nii`` or ``.nii.gz`` and turned to RAS+: the first axis runs
to the patient's right, the second to the front, the third to the top.
"""

import gzip
import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import nibabel as nib
import numpy as np

from kerasmetricloss.datasets.case import DataError, children
from kerasmetricloss.datasets.nifti_header import HEADER_MEND, bring_to_mm, check_stored
from kerasmetricloss.files import replace_file

SUFFIXES = (".nii.gz", ".nii")
# Disagreements below these change no voxel's place by more than rounding in the headers does.
_GRID_TOLERANCE_VOXELS = 0.1
_FORM_TOLERANCE_VOXELS = 0.5
_SPACING_TOLERANCE = 0.01
_GZIP_MAGIC = b"\x1f\x8b"
_HEADER_BYTES = 348


@dataclass(frozen=True, eq=False, kw_only=True)
class Scan:
    """One decoded volume.

    Args:
        voxels: float32, or numbers of labels in the file's own type; shape ``(x, y, z)``, finite, with the header's
            slope and intercept applied.
        affine: float64, ``(4, 4)``, from voxel indices to mm.
        spacing_mm: Size of a voxel along each axis.
        file: Where it came from.
    """

    voxels: np.ndarray
    affine: np.ndarray
    spacing_mm: tuple[float, float, float]
    file: Path


def check_fill(fill: float | None) -> None:
    """Raise DataError for a number that is not finite, and so can replace none of those that are not."""
    if fill is not None and not np.isfinite(fill):
        raise DataError(f"fill is {fill}, expected a finite number", mend="give one, e.g. fill=0 (--fill 0)")


def find_scan(folder: Path, stem: str) -> Path | None:
    """Return ``folder/stem.nii.gz`` or ``folder/stem.nii`` in any case of letters, or None where there is neither.

    Raises:
        DataError: Both are there.
    """
    wanted = {normalize("NFC", stem + suffix).casefold() for suffix in SUFFIXES}
    found = [path for path in children(folder) if normalize("NFC", path.name).casefold() in wanted]
    if len(found) > 1:
        mend = "keep one of them"
        raise DataError(f"{' and '.join(path.name for path in found)} are both there", file=folder, mend=mend)
    return found[0] if found else None


def read_nifti(path: Path, *, fill: float | None = None, numbers: bool = False) -> Scan:
    """Read one 3-D volume and turn it to RAS+ without resampling.

    Whether the file is compressed is told by its content, and the check sum of a compressed file is verified. Trailing
    axes of length 1 are dropped. Where qform and sform are both set they must agree to half a voxel; where
    neither is set the volume is taken as nibabel takes it, centred on the origin. A header in metres or microns
    (xyzt_units) is brought to mm.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        fill: What replaces NaN and infinite voxels; None refuses them.
        numbers: Whether the voxels are numbers of labels, which float32 would round from 2**24 on.

    Returns:
        The voxels, their affine and their spacing.

    Raises:
        DataError: The file is missing, empty, truncated or no NIfTI; it is not 3-D; a voxel is NaN or infinite; the
            spacing is 0; or the header contradicts itself, or says that the voxels are elsewhere. The message names
            the file and how to mend it.
    """
    try:
        voxels, affine = _decode(path, numbers=numbers)
    except DataError:
        raise
    except PermissionError as error:
        raise DataError("the file may not be read", file=path, mend="change its permissions") from error
    # nibabel, gzip, zlib and NumPy each have errors of their own for a broken file.
    except Exception as error:
        reason = " ".join(str(error).replace(str(path), "it").split()) or type(error).__name__
        mend = "it is truncated or damaged: fetch it again"
        raise DataError(f"the scan cannot be decoded ({reason})", file=path, mend=mend) from error
    broken = int(voxels.size - np.isfinite(voxels).sum())
    if broken:
        if fill is None:
            mend = "replace them, read an image with fill=0 (--fill 0), or leave the case out"
            raise DataError(f"{broken} of {voxels.size} voxels are NaN or infinite", file=path, mend=mend)
        voxels = np.where(np.isfinite(voxels), voxels, np.float32(fill))
    # The header's own are float32.
    spacing = tuple(round(float(n), 6) if n >= 0.1 else float(f"{n:.6g}") for n in _lengths(affine))
    return Scan(voxels=voxels, affine=affine, spacing_mm=spacing, file=path)


def check_same_grid(scan: Scan, reference: Scan) -> None:
    """Raise DataError unless both scans have the same shape and their corners lie within a tenth of a voxel."""
    mend = "resample it to that grid"
    if scan.voxels.shape != reference.voxels.shape:
        came, expected = ("x".join(map(str, s.voxels.shape)) for s in (scan, reference))
        raise DataError(f"the grid is {came}, that of {reference.file.name} is {expected}", file=scan.file, mend=mend)
    apart = _corner_distance(scan.affine, reference.affine, scan.voxels.shape)
    if apart > _GRID_TOLERANCE_VOXELS * min(reference.spacing_mm):
        problem = f"the grid has the shape of {reference.file.name} but lies {apart:.3g} mm away from it"
        raise DataError(problem, file=scan.file, mend=mend)


def nifti_bytes(voxels: np.ndarray, affine: np.ndarray, *, compressed: bool = True) -> bytes:
    """Return a volume as a NIfTI file, qform and sform set to the affine, with no time stamp in it.

    A qform knows turns and voxel sizes only: where the affine also shears, the sform alone is set.

    Args:
        voxels: Shape ``(x, y, z)``, of a dtype that NIfTI knows.
        affine: ``(4, 4)``, from voxel indices to mm.
        compressed: Whether it is a ``.nii.gz`` or a ``.nii``.
    """
    image = nib.Nifti1Image(voxels, affine, dtype=voxels.dtype)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    apart = _corner_distance(image.get_qform(), affine, (*voxels.shape, 1)[:3])
    if apart > _GRID_TOLERANCE_VOXELS * _lengths(affine).min():
        image.set_qform(affine, code=0)
    image.header.set_xyzt_units("mm")
    data = image.to_bytes()
    return gzip.compress(data, compresslevel=3, mtime=0) if compressed else data


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    """Write a volume as ``.nii.gz``, whole or not at all; its folder is made if need be.

    Args:
        path: The file to write or replace.
        voxels: As in :func:`nifti_bytes`.
        affine: As in :func:`nifti_bytes`.
    """
    replace_file(path, nifti_bytes(voxels, affine))


def write_like(path: Path, voxels: np.ndarray, affine: np.ndarray, *, like: Path) -> None:
    """Write a volume in the order of voxels of a scan's file, where it lies on that scan's grid.

    :func:`read_nifti` turns scans to RAS+; this turns back, so that the two files match voxel by voxel also for
    programs that do not look at affines. A volume on another grid is written as it is, with its own affine.

    Args:
        path: As in :func:`write_nifti`.
        voxels: Shape ``(x, y, z)``, in RAS+.
        affine: ``(4, 4)``, of ``voxels``.
        like: The scan's file.

    Raises:
        DataError: The scan's file cannot be read.
    """
    scan = _image(like)
    shape = tuple(scan.shape[:3])
    orientation = _orientation(scan.affine)
    moved = scan.affine @ nib.orientations.inv_ornt_aff(orientation, shape)
    to_file = nib.orientations.ornt_transform(np.array([[0, 1], [1, 1], [2, 1]]), orientation)
    turned = nib.orientations.apply_orientation(voxels, to_file)
    same = turned.shape == shape and np.allclose(moved, affine, atol=1e-4)
    write_nifti(path, *((np.ascontiguousarray(turned), scan.affine) if same else (voxels, affine)))


def _decode(path: Path, *, numbers: bool) -> tuple[np.ndarray, np.ndarray]:
    image = _image(path)
    voxels = _spatial(image, path, numbers=numbers)
    _check_header(image, path)
    return _turned(voxels, image.affine)


def _image(path: Path) -> nib.Nifti1Image:
    """Return a file's header, checked and in mm, and its bytes; voxels are not decoded yet."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist or is a broken link"
        raise DataError(f"the scan {what}", file=path, mend="put the scan there")
    data = path.read_bytes()
    if data.startswith(_GZIP_MAGIC):
        data = gzip.decompress(data)
    if len(data) < _HEADER_BYTES:
        problem = f"{len(data)} bytes are fewer than a NIfTI header has"
        raise DataError(problem, file=path, mend="it is truncated or damaged: fetch it again")
    kind = (
        nib.Nifti2Image if 540 in (int.from_bytes(data[:4], order) for order in ("little", "big")) else nib.Nifti1Image
    )
    # nibabel mends a spacing of 0 to 1 as it opens a file, so the stored numbers are looked at first.
    stored = kind.header_class.from_fileobj(io.BytesIO(data), check=False)
    if bring_to_mm(stored):
        data = stored.binaryblock + data[len(stored.binaryblock) :]
    check_stored(stored, path)
    # It reports what it mends on stderr; what could do harm is looked at here.
    with nib.imageglobals.LoggingOutputSuppressor():
        return kind.from_bytes(data)


def _spatial(image: nib.Nifti1Image, path: Path, *, numbers: bool) -> np.ndarray:
    shape = image.shape
    if 0 in shape:
        raise DataError(f"the scan is empty, {'x'.join(map(str, shape))}", file=path, mend="fetch it again")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        mend = "expected one 3-D volume: split the series, or name the file that is meant"
        raise DataError(f"the scan has {len(shape)} axes, {'x'.join(map(str, shape))}", file=path, mend=mend)
    if not (np.issubdtype(image.get_data_dtype(), np.integer) or np.issubdtype(image.get_data_dtype(), np.floating)):
        kind = "colours" if image.get_data_dtype().fields else f"{image.get_data_dtype()} numbers"
        mend = "save one real number a voxel, such as the magnitude or one of the colours"
        raise DataError(f"the voxels are {kind}, expected real numbers", file=path, mend=mend)
    # A float64 beyond float32's range becomes infinite here, and is then reported like any other infinite voxel.
    try:
        with np.errstate(over="ignore"):
            voxels = np.asarray(image.dataobj).reshape(shape)
            return voxels if numbers else voxels.astype(np.float32)
    except MemoryError as error:
        problem = f"the memory does not hold {'x'.join(map(str, shape))} voxels, which the header says are there"
        raise DataError(problem, file=path, mend="look at the header, or take a machine with more memory") from error


def _turned(voxels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels and affine with the axes swapped and flipped to RAS+."""
    orientation = _orientation(affine)
    turned = nib.orientations.apply_orientation(voxels, orientation)
    moved = np.asarray(affine, dtype=float) @ nib.orientations.inv_ornt_aff(orientation, voxels.shape)
    return np.ascontiguousarray(turned), moved


def _orientation(affine: np.ndarray) -> np.ndarray:
    """Return which axis of the patient each axis of a scan is nearest to, and its sign.

    Cosines are rounded, so that files of one grid at 45 degrees do not part by the rounding in their headers.
    """
    rounded = np.eye(4)
    rounded[:3, :3] = np.round(affine[:3, :3] / _lengths(affine), 4)
    return nib.orientations.io_orientation(rounded)


def _check_header(image: nib.Nifti1Image, path: Path) -> None:
    sizes = np.abs(np.asarray(image.header["pixdim"][1:4], dtype=float))
    lengths = _lengths(image.affine)
    mend = HEADER_MEND
    if not np.all(np.isfinite(image.affine)) or 0 in lengths:
        problem = f"the affine gives the voxels the size {lengths.tolist()} mm, expected three positive numbers"
        raise DataError(problem, file=path, mend=mend)
    if abs(np.linalg.det(image.affine[:3, :3])) < 1e-3 * lengths.prod():
        raise DataError("the affine puts two axes of the scan onto one", file=path, mend=mend)
    if np.any(np.abs(lengths / sizes - 1) > _SPACING_TOLERANCE):
        came = f"pixdim says {np.round(sizes, 4).tolist()} mm, the affine {np.round(lengths, 4).tolist()} mm"
        raise DataError(came, file=path, mend=mend)
    qform, qcode = image.get_qform(coded=True)
    sform, scode = image.get_sform(coded=True)
    if qcode and scode:
        apart = _corner_distance(qform, sform, image.shape[:3])
        if apart > _FORM_TOLERANCE_VOXELS * sizes.min():
            problem = f"qform and sform place a corner of the scan {apart:.3g} mm apart"
            raise DataError(problem, file=path, mend="keep the one that is right, set the other to it")


def _lengths(affine: np.ndarray) -> np.ndarray:
    """Return the size of a voxel along each axis in mm."""
    return np.linalg.norm(np.asarray(affine, dtype=float)[:3, :3], axis=0)


def _corner_distance(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return the largest distance in mm between the places that two affines give to a corner of the grid."""
    corners = np.array(list(itertools.product(*((0, length - 1) for length in shape))))
    difference = np.asarray(one, dtype=float) - np.asarray(other, dtype=float)
    return float(np.linalg.norm(corners @ difference[:3, :3].T + difference[:3, 3], axis=1).max())
