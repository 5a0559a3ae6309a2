"""The paper's tables and figures as recipes: which losses, on which data, and what of the scores is shown.

A recipe says what is trained; how long, with which network and on which grid is said in `setups`. Recipes that train
the same networks share their cells: what `table2` trained, `table4` and `figB6` read.
"""

from dataclasses import dataclass, replace

from kerasmetricloss.studies.errors import StudyError

TVERSKY = (
    *(f"sTversky-{k / 10:.1f}/{1 - k / 10:.1f}" for k in range(1, 10)),
    "sTversky-0.75/0.75",
    "sTversky-1.0/1.0",
)
FAMILY = ("CE", "wCE", "sDice", "sJaccard", "Lovasz")
REGIONS = ("WT", "TC", "ET")
RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
TRAINS, THEORY, RECTANGLES = "trainings", "theory", "rectangles"


@dataclass(frozen=True)
class Recipe:
    """One table or figure of the paper.

    Attributes:
        name: Name on the command line.
        title: Title of the report.
        losses: The losses that are post-trained and compared, by the paper's names.
        dataset: Default data set.
        labels: Labels of a network with several outputs; None for the data set's binary task.
        ratios: Foreground to background ratios of virtual data sets (Sec. IV-C); none for the data set as it is.
        kind: What it takes: `"trainings"`, `"rectangles"` (the data alone) or `"theory"` (nothing).
    """

    name: str
    title: str
    losses: tuple[str, ...] = ()
    dataset: str = "po18"
    labels: tuple[str, ...] | None = None
    ratios: tuple[float, ...] = ()
    kind: str = TRAINS


_TABLES = (
    Recipe("table1", "Soft Dice with L1 against L2 (Table I)", ("sDice-L1", "sDice-L2")),
    Recipe("table2", "Cross-entropy against metric-sensitive losses (Table II)", FAMILY),
    Recipe("table3", "Soft Tversky, eleven weightings (Table III)", TVERSKY),
    Recipe("table4", "Accuracy, Hausdorff distance and volume difference (Table IV)", ("CE", "sDice"), "br18"),
    Recipe("table5", "Virtual data sets of growing foreground ratio (Table V)", ("CE", "sDice"), ratios=RATIOS),
    Recipe("table6", "Several classes (Table VI)", FAMILY, "br18", REGIONS),
    Recipe("table7", "Several classes, eleven Tversky weightings (Table VII)", TVERSKY, "br18", REGIONS),
    Recipe("tableB1", "F-measures of eleven Tversky weightings (Table B.1)", TVERSKY),
    Recipe("fig1", "Absolute and relative errors between scores (Fig. 1)", kind=THEORY),
    Recipe("fig2", "Loss surfaces of soft Dice for two pixels (Fig. 2)", kind=THEORY),
    Recipe("fig3", "Example slices (Fig. 3)", FAMILY),
    Recipe("fig4", "Dice score against object size (Fig. 4)", FAMILY),
    Recipe("fig5", "Rectangles of the virtual data sets (Fig. 5)", ratios=RATIOS, kind=RECTANGLES),
)
RECIPES = {recipe.name: recipe for recipe in _TABLES}
_BOX_PLOTS = {
    "figB1": "table1",
    "figB2": "table5",
    "figB3": "table6",
    "figB4": "table7",
    "figB6": "table2",
    "figB7": "table3",
    "figB8": "tableB1",
}
for _figure, _table in _BOX_PLOTS.items():
    _source = RECIPES[_table]
    RECIPES[_figure] = replace(_source, name=_figure, title=f"Box plots: {_source.title} (Fig. B.{_figure[-1]})")
RECIPES["figB5"] = Recipe("figB5", "Box plots of the measures of Table IV (Fig. B.5)", FAMILY, "br18")
RECIPES = dict(sorted(RECIPES.items(), key=lambda item: (not item[0].startswith("table"), item[0])))


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        StudyError: There is none; the message lists those that there are.

    Example:
        >>> recipe("table1").losses
        ('sDice-L1', 'sDice-L2')
    """
    if name not in RECIPES:
        raise StudyError(f"Recipe {name!r} is unknown; known are {', '.join(RECIPES)}.")
    return RECIPES[name]
