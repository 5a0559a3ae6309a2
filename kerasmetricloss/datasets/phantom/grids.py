"""Anisotropic grids as scanners make them: thick slices, a tilted head, axes that run to the left and to the back."""

import math
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.nifti import nifti_bytes

# Half the extent of a brain in mm; its own shape stays within it.
BRAIN_MM = (75.0, 90.0, 62.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanGrid:
    """The grid of one case, in the order right, front, top.

    Args:
        size: Voxels along x, y and z.
        spacing_mm: Size of a voxel along each axis.
        height_mm: How far the middle of the grid lies above the middle of the brain.
        tilt: Turn about the patient's left-right axis in radians, small enough that no two axes change places.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    height_mm: float = 0.0
    tilt: float = 0.0

    @property
    def stretch(self) -> tuple[float, float, float]:
        """Voxels of each axis in the length of the finest voxel."""
        finest = min(self.spacing_mm)
        return tuple(finest / length for length in self.spacing_mm)

    def voxels(self, length_mm: float) -> tuple[float, float, float]:
        """Return a length in voxels of each axis."""
        return tuple(length_mm / spacing for spacing in self.spacing_mm)

    def places_mm(self) -> np.ndarray:
        """Return float32, shape ``(3, *size)``: where each voxel lies, from the middle of the brain."""
        lines = [
            (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm) + np.float32(above)
            for n, mm, above in zip(self.size, self.spacing_mm, (0, 0, self.height_mm), strict=True)
        ]
        return np.stack(np.meshgrid(*lines, indexing="ij"))

    def file(self, voxels: np.ndarray, *, compressed: bool) -> bytes:
        """Return the NIfTI file of a volume or of a series (its first three axes those of the grid).

        The first two axes are stored from right to left and from front to back, as most scanners do.
        """
        cosine, sine = math.cos(self.tilt), math.sin(self.tilt)
        turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag([-self.spacing_mm[0], -self.spacing_mm[1], self.spacing_mm[2]])
        affine[:3, 3] = turn @ [0, 0, self.height_mm] - affine[:3, :3] @ ((np.array(self.size) - 1) / 2)
        return nifti_bytes(np.ascontiguousarray(voxels[::-1, ::-1]), affine, compressed=compressed)


def ball(places_mm: np.ndarray, centre_mm: np.ndarray, radius_mm: np.ndarray | float) -> np.ndarray:
    """Return 1 - distance / radius, float32, shape ``space``: 1 at the centre, 0 on the border.

    Args:
        places_mm: Shape ``(3, *space)``.
        centre_mm: Shape ``(3,)``.
        radius_mm: One number, or one an axis.
    """
    radii = np.broadcast_to(np.asarray(radius_mm, np.float32), 3)
    total = np.zeros(places_mm.shape[1:], dtype=np.float32)
    for axis in range(3):
        total += ((places_mm[axis] - np.float32(centre_mm[axis])) / radii[axis]) ** 2
    return 1 - np.sqrt(total)
