"""The paper's data sets as data: what goes in, and on which grid. Networks and trainings are in `studies.setups`.

Sources: Eelbode, Bertels et al., "Optimization for Medical Image Segmentation", IEEE TMI 2020 (arXiv 2010.13499),
Sec. III, for sizes and grids; the authors' released models (github.com/JeroenBertels/optimizingdice) for channels and
normalisation; the challenges' pages for layouts and numbers of cases.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MaskRule:
    """Where a prediction counts: the voxels whose ``channel`` is brighter than ``above``, in the file's units."""

    channel: str
    above: float


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One of the paper's data sets.

    Args:
        name: As in :func:`~kerasmetricloss.datasets.open_dataset`.
        title: What it is called elsewhere.
        task: What is segmented.
        cases: How many cases the paper used.
        channels: Image channels, in the order of the network's input.
        shift: Subtracted from each channel, for the full data set; None where the authors published no constants.
            Of PO18, ImageNet's mean colour, which VGG16's weights expect.
        scale: Divides each channel after the shift.
        mask: The output mask, or None where every pixel counts.
        spacing_mm: Isotropic spacing that 3-D scans are resampled to, or None for pictures.
        output_size: Shape of what the network predicts, in the order of the array's axes: (x, y, z), or rows and
            columns of a picture.
        foreground_ratio: Foreground over background as the paper gives it, or None where it does not.
        source: Where to ask for the data.
    """

    name: str
    title: str
    task: str
    cases: int
    channels: tuple[str, ...]
    shift: tuple[float, ...] | None
    scale: tuple[float, ...] | None
    mask: MaskRule | None
    spacing_mm: float | None
    output_size: tuple[int, ...]
    foreground_ratio: float | None
    source: str

    @property
    def constants(self) -> dict[str, tuple[float, float]]:
        """Shift and scale of each channel, as the authors normalised the full data set; empty for pictures.

        Example:
            >>> CATALOG["wm17"].constants
            {'FLAIR': (130.0, 226.0), 'T1': (262.0, 490.0)}
            >>> CATALOG["po18"].constants
            {}
        """
        if self.shift is None or self.scale is None or self.spacing_mm is None:
            return {}
        return dict(zip(self.channels, zip(self.shift, self.scale, strict=True), strict=True))


_BOX = (136, 136, 82)

BR18 = DataSet(
    name="br18",
    title="BRATS 2018",
    task="whole tumour; and whole tumour, tumour core, enhancing tumour",
    cases=285,
    channels=("FLAIR", "T1", "T1CE", "T2"),
    shift=(420.885, 568.787, 639.488, 629.919),
    scale=(1320.645, 1160.682, 1181.144, 1363.612),
    mask=MaskRule(channel="FLAIR", above=0),
    spacing_mm=2.0,
    output_size=_BOX,
    foreground_ratio=0.0671,
    source="https://www.med.upenn.edu/sbia/brats2018.html",
)

IS17 = DataSet(
    name="is17",
    title="ISLES 2017",
    task="final infarct on MR perfusion",
    cases=43,
    channels=("ADC", "Tmax", "MTT", "TTP", "rCBF", "rCBV"),
    shift=(918.577, 6.306, 5.103, 28.845, 18.976, 1.823),
    scale=(655.056, 10.267, 4.138, 16.031, 28.871, 3.579),
    mask=MaskRule(channel="ADC", above=0),
    spacing_mm=2.0,
    output_size=_BOX,
    foreground_ratio=0.0264,
    source="http://www.isles-challenge.org/ISLES2017",
)

IS18 = DataSet(
    name="is18",
    title="ISLES 2018",
    task="ischaemic core on CT perfusion",
    cases=94,
    channels=("CT", "Tmax", "MTT", "CBF", "CBV"),
    shift=(145.409, 2.875, 5.539, 179.033, 25.938),
    scale=(186.974, 4.634, 5.202, 293.878, 42.502),
    mask=MaskRule(channel="CT", above=-23),
    spacing_mm=2.0,
    output_size=_BOX,
    foreground_ratio=0.0348,
    source="http://www.isles-challenge.org/ISLES2018",
)

MO17 = DataSet(
    name="mo17",
    title="third molars",
    task="lower-left third molar on panoramic radiographs, a box around it at half resolution",
    cases=400,
    channels=("grey",),
    shift=None,
    scale=None,
    mask=None,
    spacing_mm=None,
    output_size=(217, 217),
    foreground_ratio=0.0705,
    source="in house",
)

PO18 = DataSet(
    name="po18",
    title="colorectal polyps",
    task="polyp on colonoscopy frames",
    cases=1166,
    channels=("red", "green", "blue"),
    # ImageNet's mean colour, as VGG16's released weights expect it; those weights were trained without a scale.
    shift=(123.68, 116.779, 103.939),
    scale=(1.0, 1.0, 1.0),
    mask=None,
    spacing_mm=None,
    output_size=(288, 384),
    foreground_ratio=0.0424,
    source="in house; public stand-ins are CVC-ClinicDB and Kvasir-SEG",
)

WM17 = DataSet(
    name="wm17",
    title="WMH 2017",
    task="white matter hyperintensities",
    cases=60,
    channels=("FLAIR", "T1"),
    shift=(130.0, 262.0),
    scale=(226.0, 490.0),
    mask=MaskRule(channel="T1", above=25),
    spacing_mm=2.0,
    output_size=_BOX,
    foreground_ratio=0.00518,
    source="https://wmh.isi.uu.nl",
)

CATALOG = {entry.name: entry for entry in (BR18, IS17, IS18, MO17, PO18, WM17)}
