"""The sections of a chapter on a figure that needs no scores: bounds (1), loss surfaces (2), rectangles (5)."""

import numpy as np

from kerasmetricloss.reports.canvas import picture
from kerasmetricloss.reports.directory import Chapter, Rectangles
from kerasmetricloss.reports.document import Items, Picture, Section, TableBlock, Text
from kerasmetricloss.reports.findings import slug
from kerasmetricloss.reports.slices import rectangles
from kerasmetricloss.reports.style import dataset_title, loss_title, number
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.reports.theory_figures import error_curves, loss_surfaces
from kerasmetricloss.reports.words import data_notes
from kerasmetricloss.similarities import ratios
from kerasmetricloss.theory import (
    SURFACE_LOSSES,
    TWO_PIXEL_TRUTHS,
    Similarity,
    all_counts,
    dice_jaccard_bounds,
    hamming_dice_bounds,
    tversky_dice_bounds,
    two_pixel_surface,
    worst_case,
)

COUNTED_PIXELS = 60  # masks of so many pixels are all tried: 39,711 sets of counts


def plain_sections(study: Chapter, shows: str) -> tuple[Section, ...]:
    """Sections of a figure that needs no scores: "bounds", "surfaces" or "rectangles"."""
    name = slug(study.recipe)
    return {"bounds": _bounds, "surfaces": _surfaces, "rectangles": lambda name: _rectangles(study, name)}[shows](name)


def plain_lead(shows: str) -> str:
    """What such a figure is about, in a sentence or two."""
    return {
        "bounds": "How far the Dice score and a Tversky index can lie apart, for any two masks (Props. II.1 to II.3).",
        "surfaces": "The soft losses of a prediction of two pixels, over all its values, for the two truths there are.",
        "rectangles": "The rectangle of each foreground to background ratio. It masks the output in training and in "
        "testing; the image stays whole.",
    }[shows]


def _bounds(name: str) -> tuple[Section, ...]:
    drawn = picture(
        name,
        error_curves(),
        alt="Two curves over the weight of Tversky from 0 to 1. Both errors are 0 at one half and grow to both sides. "
        "At 1, the Jaccard index, the absolute error is 0.172 and the relative error 1; towards 0 the absolute error "
        "goes to 1 and the relative error has no bound.",
        caption="Errors at worst between the Dice score and a Tversky index, by the weight that is farthest from one "
        "half. The paper draws the relative error without the −1 of its proposition (dashed).",
    )
    said = (
        "Dice, Jaccard and Tversky bound each other: what is good in one is not bad in another. Accuracy, weighted or "
        "not, has no such bound: a mask can be nearly perfect in it and nearly worthless in Dice."
    )
    return (
        Section("What it shows", (Text(said),)),
        Section("The figure", (drawn,)),
        Section("The same in numbers", (TableBlock(_bounds_table()),)),
    )


def _bounds_table() -> Table:
    weights = ((0.1, 0.9), (0.3, 0.7), (0.5, 0.5), (0.75, 0.75))
    known = {
        "Jaccard (Prop. II.1)": (dice_jaccard_bounds(), _tversky(1.0, 1.0)),
        **{f"Tversky {a:g}/{b:g} (Prop. II.3)": (tversky_dice_bounds(a, b), _tversky(a, b)) for a, b in weights},
        "accuracy (Cor. II.1)": (hamming_dice_bounds(), lambda tp, fp, fn, tn: (tp + tn) / (tp + fp + fn + tn)),
    }
    counts, dice = all_counts(COUNTED_PIXELS), _tversky(0.5, 0.5)
    rows = []
    for title, (bound, similarity) in known.items():
        found = worst_case(dice, similarity, counts)
        cells = (bound.absolute, found.absolute, bound.relative, found.relative)
        rows.append(Row("", title, tuple(Cell(number(c) if np.isfinite(c) else "no bound") for c in cells)))
    return Table(
        caption=f"Error at worst against the Dice score: proved, and found on all masks of {COUNTED_PIXELS} pixels",
        columns=("absolute, bound", "found", "relative, bound", "found"),
        rows=tuple(rows),
        corner="score",
        legend="What is found comes near the bound as masks grow, and never passes it.",
    )


def _tversky(alpha: float, beta: float) -> Similarity:
    return lambda tp, fp, fn, tn: ratios.tversky(tp, tp + fp, tp + fn, alpha=alpha, beta=beta)


def _surfaces(name: str) -> tuple[Section, ...]:
    surfaces = [[two_pixel_surface(loss, truth) for loss in SURFACE_LOSSES] for truth in TWO_PIXEL_TRUTHS]
    rows = [
        Row("", f"y = [{row[0].truth[0]}, {row[0].truth[1]}]", tuple(Cell(number(s.slope_at_truth())) for s in row))
        for row in surfaces
    ]
    table = Table(
        caption="Steepest slope of the loss at the truth, along an edge of the square of predictions",
        columns=tuple(map(loss_title, SURFACE_LOSSES)),
        rows=tuple(rows),
        corner="truth",
        legend="A slope of 0: near the truth the loss hardly asks for outputs of exactly 0 and 1.",
    )
    drawn = picture(
        name,
        loss_surfaces(),
        alt="Six surfaces over the square of two outputs, a row for each truth, a column for each of soft Dice L1, "
        "soft Dice L2 and soft Jaccard. All meet the red dots of the discrete loss at the four corners. The L2 form is "
        "flat around the truth; the other two meet it at an angle.",
        caption="Loss of a prediction of two pixels, ỹ₀ and ỹ₁. Red dots: the discrete loss of the four masks. A truth "
        "of two pixels that is not empty is one of the two shown, or a mirror image.",
    )
    said = (
        "Between masks the norms part: the L2 form of soft Dice is flat around the truth, the L1 form is not. The "
        "paper takes this for a reason why L1 may do better (its Sec. IV-A). Soft Jaccard is drawn beside them."
    )
    return (
        Section("What it shows", (Text(said),)),
        Section("The figure", (drawn,)),
        Section("The same in numbers", (TableBlock(table),)),
    )


def _rectangles(study: Chapter, name: str) -> tuple[Section, ...]:
    pictures = tuple(
        _rectangle(one, name if len(study.rectangles) == 1 else f"{name}-{k}")
        for k, one in enumerate(study.rectangles, start=1)
    )
    said = (
        "For each ratio all rectangles have one size and the image's aspect ratio; each holds the object, or as much "
        "of it as fits. The size is the one at which foreground / (rectangle - foreground), averaged over the images, "
        "is the ratio."
    )
    return (
        Section("What it shows", (Text(said),)),
        Section("The figure", pictures or (Text("Nothing to draw: the study kept no rectangles."),)),
        Section("The same in numbers", (TableBlock(_rectangle_table(study)),) if study.rectangles else ()),
        Section("Before you believe it", (Items(told),) if (told := data_notes(study)) else ()),
    )


def _rectangle(one: Rectangles, name: str) -> Picture:
    what = f"{dataset_title(str(one.meta.get('dataset', '')))}, case {one.meta.get('case', '')}"
    ratios_drawn = ", ".join(one.rectangles)
    return picture(
        name,
        rectangles(one.image, one.truth, one.rectangles),
        alt=f"{what}: the image, its object outlined in green, and a red rectangle for each of the ratios "
        f"{ratios_drawn}; the smaller the ratio the larger the rectangle.",
        caption=f"{what}. Green: the object. Red: the rectangle of each ratio.",
    )


def _rectangle_table(study: Chapter) -> Table:
    ratios_drawn = list(dict.fromkeys(ratio for one in study.rectangles for ratio in one.rectangles))
    rows = []
    for one in study.rectangles:
        cells, voxels = [], np.count_nonzero(one.truth)
        for ratio in ratios_drawn:
            if ratio not in one.rectangles:
                cells.append(Cell("–"))
                continue
            top, left, tall, wide = one.rectangles[ratio]
            inside = np.count_nonzero(one.truth[top : top + tall, left : left + wide])
            cells.append(Cell(f"{inside / voxels:.0%}" if voxels else "–", detail=f"{wide} × {tall}"))
        rows.append(Row("", f"case {one.meta.get('case', '')}", tuple(cells)))
    return Table(
        caption="Share of the object inside the rectangle, by foreground to background ratio",
        columns=tuple(ratios_drawn),
        rows=tuple(rows),
        corner="image",
        legend="In small print: width and height of the rectangle in pixels.",
    )
