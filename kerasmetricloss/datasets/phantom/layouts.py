"""The files of one phantom case, in the layout of the data set that it stands in for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.nifti import nifti_bytes
from kerasmetricloss.datasets.phantom import brains, molars, polyps
from kerasmetricloss.datasets.phantom.encoding import png_bytes
from kerasmetricloss.datasets.phantom.outlines import Outlines
from kerasmetricloss.datasets.phantom.posteriors import posterior_bytes


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one data set's phantoms are made and laid out.

    Args:
        case_files: Takes (generator of the case, its number from 0, size) and returns the bytes of every file by its
            path below the root.
        default_size: (width, height) of a picture or (x, y, z) of a volume.
        about: Paragraph for the README of the phantom folder.
    """

    case_files: Callable[[np.random.Generator, int, tuple[int, ...]], dict[str, bytes]]
    default_size: tuple[int, ...]
    about: str


def draw_outline(rng: np.random.Generator, outlines: Outlines) -> int:
    """Draw the outline that becomes the truth, by the outlines' probabilities."""
    return int(rng.choice(len(outlines.probabilities), p=outlines.probabilities))


def _polyp_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    picture, outlines = polyps.polyp_picture(rng, size)
    drawn = draw_outline(rng, outlines)
    return _picture_files(str(index + 1), ("Original", "Ground Truth"), picture, outlines, drawn, "polyp")


def _brain_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    low_grade = index % 4 == 3
    scans, outlines = brains.brain_scans(rng, size, enhancing=not low_grade)
    drawn = draw_outline(rng, outlines)
    case_id = f"Brats18_PHANTOM_{index + 1:03d}_1"
    # The origin of the patient's coordinates lies in the middle of the grid.
    affine = np.diag([brains.SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = [-brains.SPACING_MM * (length - 1) / 2 for length in size]
    volumes = {**scans, "seg": brains.segmentation(outlines.masks[drawn]).astype(np.int16)}
    folder = f"{'LGG' if low_grade else 'HGG'}/{case_id}"
    files = {f"{folder}/{case_id}_{name}.nii.gz": nifti_bytes(voxels, affine) for name, voxels in volumes.items()}
    return {**files, f"posterior/{case_id}.npz": posterior_bytes(outlines, labels=brains.LABELS, drawn=drawn)}


def _molar_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    picture, outlines = molars.radiograph(rng, size)
    drawn = draw_outline(rng, outlines)
    return _picture_files(str(index + 1), ("images", "masks"), picture, outlines, drawn, "molar")


def _picture_files(
    case_id: str, folders: tuple[str, str], picture: np.ndarray, outlines: Outlines, drawn: int, label: str
) -> dict[str, bytes]:
    labelled = Outlines(outlines.masks[..., None], outlines.probabilities)
    return {
        f"{folders[0]}/{case_id}.png": png_bytes(picture),
        f"{folders[1]}/{case_id}.png": png_bytes(outlines.masks[drawn].astype(np.uint8) * 255),
        f"posterior/{case_id}.npz": posterior_bytes(labelled, labels=(label,), drawn=drawn),
    }


LAYOUTS = {
    "br18": Layout(
        case_files=_brain_files,
        default_size=brains.DEFAULT_SIZE,
        about="Skull-stripped MR scans with a glioma, in the layout of BRATS 2018: HGG/Brats18_PHANTOM_NNN_1/ (every "
        "fourth case LGG/) with FLAIR, T1, T1CE, T2 and the segmentation (labels 1, 2 and 4), int16, 2 mm. The tumour "
        "takes 0.5 % to 12 % of the brain (log-uniform) before its annex is counted, and its contrast varies by a "
        "factor of three. The cases in LGG have no enhancing tumour.",
    ),
    "mo17": Layout(
        case_files=_molar_files,
        default_size=molars.DEFAULT_SIZE,
        about="Panoramic radiographs in grey, images/N.png, with a mask of the lower-left third molar, masks/N.png. "
        "The molar's mean radius is 1.6 % to 3.8 % of the picture's width (log-uniform), its tilt, roots and contrast "
        "vary, and bone, neighbouring teeth, fillings, shade and noise get in the way. Its annex is the fainter root.",
    ),
    "po18": Layout(
        case_files=_polyp_files,
        default_size=polyps.DEFAULT_SIZE,
        about="Colonoscopy frames with one polyp each, in the layout of CVC-ClinicDB: Original/N.png and "
        "Ground Truth/N.png. A polyp takes 0.3 % to 15 % of the picture (log-uniform) before its annex is counted, its "
        "contrast to the mucosa varies by a factor of 3, and folds, vessels, a lumen, highlights, shade and noise "
        "get in the way.",
    ),
}
