"""The header of a NIfTI file as it is stored, before anything is made of it.

nibabel mends some fields as it opens a file and passes over others; here what would be read wrongly is refused, and
lengths in metres or microns become millimetres.
"""

from collections.abc import MutableMapping
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import DataError

HEADER_MEND = "set the header by the scanner's export, e.g. with dcm2niix"
_METRE, _MM, _MICRON = 1, 2, 3  # the lowest three bits of xyzt_units
_TO_MM = {_METRE: 1e3, _MICRON: 1e-3}
_LENGTHS = ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z")
# Where the voxels can begin at the earliest, in a file that holds both: after the header and four bytes more.
_FIRST_VOXEL = {b"n+1": 352, b"n+2": 544}
_OTHER_FILE = (b"ni1", b"ni2")


def check_stored(header: MutableMapping, path: Path) -> None:
    """Raise DataError where a header gives no spacing, size, slope, intercept, rotation or place of the voxels.

    Args:
        header: The fields by name, as stored.
        path: What a complaint names.
    """
    sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=float))
    if not np.all(np.isfinite(sizes) & (sizes > 0)):
        problem = f"the spacing is {sizes.tolist()} mm, expected three positive numbers"
        raise DataError(problem, file=path, mend=HEADER_MEND)
    magic = bytes(header["magic"].item())[:3]
    if magic in _OTHER_FILE:
        mend = "convert both to one .nii, e.g. with nibabel.save(nibabel.load(...), ...)"
        raise DataError("the header says that the voxels are in another file (.img)", file=path, mend=mend)
    begin, least = float(header["vox_offset"]), _FIRST_VOXEL.get(magic, 0)
    if not least <= begin < np.inf:
        problem = f"the header says that the voxels begin at byte {begin:g}, expected {least} or later"
        raise DataError(problem, file=path, mend="set its vox_offset to where they begin, or fetch it again")
    slope = float(header["scl_slope"])
    if np.isinf(slope):
        mend = "set it to what the voxels are multiplied by, or to 1"
        raise DataError(f"the header's scl_slope is {slope:g}, expected a finite number", file=path, mend=mend)
    # Of what is no NIfTI file at all, the fields say nothing.
    if magic in _FIRST_VOXEL:
        _check_numbers(header, slope, path)


def _check_numbers(header: MutableMapping, slope: float, path: Path) -> None:
    shape = header["dim"][1 : 1 + int(header["dim"][0])].tolist()
    if min(shape, default=0) < 0:
        problem = f"the header says that the scan has {'x'.join(map(str, shape))} voxels"
        raise DataError(problem, file=path, mend="set its dim to how many there are, or fetch the file again")
    offset = float(header["scl_inter"])
    if slope and not np.isnan(slope) and not np.isfinite(offset):
        mend = "set it to what is added to the voxels, or to 0"
        raise DataError(f"the header's scl_inter is {offset:g}, expected a finite number", file=path, mend=mend)
    turn = [float(header[f"quatern_{axis}"]) for axis in "bcd"]
    # Written so that NaN does not pass. The slack is nibabel's.
    if int(header["qform_code"]) > 0 and not np.sum(np.square(turn)) <= 1 + 3 * np.finfo(np.float32).eps:
        problem = f"the header's quaternion is {turn}, which is no rotation: its squares add up to more than 1"
        mend = "set the qform to what is right, such as the sform, or its code to 0 where there is a sform"
        raise DataError(problem, file=path, mend=mend)


def bring_to_mm(header: MutableMapping) -> bool:
    """Scale the lengths of a header whose unit is the metre or the micron, in place; other units are taken as mm.

    Returns:
        Whether it was another unit.
    """
    unit = int(header["xyzt_units"])
    factor = _TO_MM.get(unit & 7)
    if factor is None:
        return False
    # What leaves the range is then found not to be finite.
    with np.errstate(over="ignore", invalid="ignore"):
        header["pixdim"][1:4] = header["pixdim"][1:4] * factor
        for name in _LENGTHS:
            header[name] = header[name] * factor
    header["xyzt_units"] = unit & ~7 | _MM
    return True
