"""The files of one phantom case, in the layout of the data set that it stands in for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.nifti import nifti_bytes
from kerasmetricloss.datasets.phantom import brains, molars, polyps, strokes, white_matter
from kerasmetricloss.datasets.phantom.encoding import png_bytes
from kerasmetricloss.datasets.phantom.grids import ScanGrid
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
        smallest: The least length along each axis.
    """

    case_files: Callable[[np.random.Generator, int, tuple[int, ...]], dict[str, bytes]]
    default_size: tuple[int, ...]
    about: str
    smallest: tuple[int, ...]


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
    return {
        f"{folders[0]}/{case_id}.png": png_bytes(picture),
        f"{folders[1]}/{case_id}.png": png_bytes(outlines.masks[drawn].astype(np.uint8) * 255),
        **_posterior(case_id, outlines, drawn, label),
    }


def _is17_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    case = strokes.mr_stroke(rng, size)
    # The challenge's own numbers have gaps.
    case_id = f"training_{index + 1 + index // 5}"
    drawn = draw_outline(rng, case.outlines)
    volumes = {f"MR_{name}": voxels for name, voxels in case.maps.items()}
    volumes["OT"] = case.outlines.masks[drawn].astype(np.int16)
    files = _numbered_folders(f"training/{case_id}", "VSD.Brain.XX.O", 127000 + 10 * index, volumes, case.space)
    return {**files, **_posterior(case_id, case.outlines, drawn, "infarct")}


def _is18_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    case = strokes.ct_stroke(rng, size)
    case_id = f"case_{index + 1}"
    drawn = draw_outline(rng, case.outlines)
    volumes = {**case.maps, "OT": case.outlines.masks[drawn].astype(np.int16)}
    files = _numbered_folders(f"TRAINING/{case_id}", "SMIR.Brain.XX.O", 345000 + 10 * index, volumes, case.space)
    return {**files, **_posterior(case_id, case.outlines, drawn, "core")}


def _numbered_folders(
    folder: str, prefix: str, first: int, volumes: dict[str, np.ndarray], space: ScanGrid
) -> dict[str, bytes]:
    """Return each volume in a folder of its own, named by its kind and a number that no other volume has."""
    stems = {name: f"{prefix}.{name}.{first + index}" for index, name in enumerate(volumes)}
    return {f"{folder}/{stem}/{stem}.nii": space.file(volumes[name], compressed=False) for name, stem in stems.items()}


def _wm17_files(rng: np.random.Generator, index: int, size: tuple[int, ...]) -> dict[str, bytes]:
    site = index % 3
    number = index // 3
    # 25 numbers a site, every other one, before a site begins again above the others.
    case_id = str(50 * site + 2 * (number % 25) + 150 * (number // 25))
    slices = size[2] + (size[2] // 2 if site == 2 else 0)
    scans, outlines, other, space = white_matter.white_matter_scans(
        rng, (size[0], size[1], slices), other_pathology=index % 3 == 1
    )
    drawn = draw_outline(rng, outlines)
    truth = np.where(outlines.masks[drawn], 1, 2 * other).astype(np.uint8)
    folder = f"{('Utrecht', 'Singapore', 'Amsterdam/GE3T')[site]}/{case_id}"
    files = {f"{folder}/pre/{name}.nii.gz": space.file(voxels, compressed=True) for name, voxels in scans.items()}
    files[f"{folder}/wmh.nii.gz"] = space.file(truth, compressed=True)
    return {**files, **_posterior(case_id, outlines, drawn, "WMH")}


def _posterior(case_id: str, outlines: Outlines, drawn: int, label: str) -> dict[str, bytes]:
    labelled = Outlines(outlines.masks[..., None], outlines.probabilities)
    return {f"posterior/{case_id}.npz": posterior_bytes(labelled, labels=(label,), drawn=drawn)}


LAYOUTS = {
    "br18": Layout(
        case_files=_brain_files,
        default_size=brains.DEFAULT_SIZE,
        about="Skull-stripped MR scans with a glioma, in the layout of BRATS 2018: HGG/Brats18_PHANTOM_NNN_1/ (every "
        "fourth case LGG/) with FLAIR, T1, T1CE, T2 and the segmentation (labels 1, 2 and 4), int16, 2 mm. The tumour "
        "takes about 0.5 % to 12 % of the brain (log-uniform) before its annex is counted, and its contrast varies by "
        "a factor of three. The cases in LGG have no enhancing tumour.",
        smallest=(32, 32, 32),
    ),
    "is17": Layout(
        case_files=_is17_files,
        default_size=strokes.MR_SIZE,
        about="Skull-stripped MR scans of ischaemic strokes, in the layout of ISLES 2017: training/training_N/ (N has "
        "gaps) with a folder for each volume, VSD.Brain.XX.O.MR_{ADC,Tmax,MTT,TTP,rCBF,rCBV}.<number>/, the raw series "
        "4DPWI (5-D, four frames, for the layout's sake alone) and the truth OT. Thick slices; spacing and tilt are "
        "another for each case. The infarct takes 0.2 % to 7 % of the brain (log-uniform) before its annex is "
        "counted; the maps show it with the hypoperfused tissue around it, and the annex is a part of that tissue "
        "which has died, or not.",
        smallest=(32, 32, 8),
    ),
    "is18": Layout(
        case_files=_is18_files,
        default_size=strokes.CT_SIZE,
        about="CT of ischaemic strokes, in the layout of ISLES 2018: TRAINING/case_N/ with a folder for each volume, "
        "SMIR.Brain.XX.O.{CT,CT_Tmax,CT_MTT,CT_CBF,CT_CBV}.<number>/, the raw series CT_4DPWI (4-D, four frames, for "
        "the layout's sake alone) and the truth OT. A slab of 2 to 8 slices of 5 mm to 10 mm; every case is another "
        "patient. CT is in Hounsfield units, -1000 in air, with the skull; the maps are 0 outside the brain. The core "
        "takes 0.4 % to 15 % of the brain in the slab (log-uniform) before its annex is counted.",
        smallest=(32, 32, 2),
    ),
    "mo17": Layout(
        case_files=_molar_files,
        default_size=molars.DEFAULT_SIZE,
        about="Panoramic radiographs in grey, images/N.png, with a mask of the lower-left third molar, masks/N.png. "
        "The molar's mean radius is 1.6 % to 3.8 % of the picture's width (log-uniform), its tilt, roots and contrast "
        "vary, and bone, neighbouring teeth, fillings, shade and noise get in the way. Its annex is the fainter root.",
        smallest=(32, 32),
    ),
    "po18": Layout(
        case_files=_polyp_files,
        default_size=polyps.DEFAULT_SIZE,
        about="Colonoscopy frames with one polyp each, in the layout of CVC-ClinicDB: Original/N.png and "
        "Ground Truth/N.png. A polyp takes 0.3 % to 15 % of the picture (log-uniform) before its annex is counted, its "
        "contrast to the mucosa varies by a factor of 3, and folds, vessels, a lumen, highlights, shade and noise "
        "get in the way.",
        smallest=(32, 32),
    ),
    "wm17": Layout(
        case_files=_wm17_files,
        default_size=white_matter.DEFAULT_SIZE,
        about="FLAIR and T1 of heads with white matter hyperintensities, in the layout of WMH 2017: Utrecht/<id>/, "
        "Singapore/<id>/ and Amsterdam/GE3T/<id>/ in turn, with pre/FLAIR.nii.gz, pre/T1.nii.gz and wmh.nii.gz. Thick "
        "slices, half as many again in Amsterdam; spacing and tilt are another for each case. 4 to 40 lesions of about "
        "1.5 mm to 7 mm radius (log-uniform); about a third of them are faint, and these are the annex: a reader "
        "counts them in together. The cases of Singapore have an old infarct as well, the label 2 of the truth.",
        smallest=(32, 32, 8),
    ),
}
