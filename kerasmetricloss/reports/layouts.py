"""How the paper lays out each of its tables and figures: measures, columns, and the numbers to set beside them."""

from dataclasses import dataclass

USUAL_METRICS = ("dice", "jaccard")
DISTANCE_METRICS = ("accuracy", "hausdorff_mm", "avd_ml")
F_MEASURES = ("F0.5", "F1.0", "F1.5", "F2.0")


@dataclass(frozen=True)
class Layout:
    """A table or figure of the paper.

    Attributes:
        number: as the paper numbers it; "" for what the paper does not have.
        metrics: measures that it shows; where none of them is scored, all that are.
        shows: "table", or what the figure draws: "boxes", "sizes", "slices", "rectangles", "bounds", "surfaces".
        across: what the columns are: "losses" or "data sets".
        sections: what the rows are gathered by: "measures" or "data sets".
        asks: what the answer is about: "sensitive" (do metric-sensitive losses beat cross-entropy?), "measures" (who
            wins, measure by measure?), "weights" (does any weighting beat one half each?), "f-measures" (which
            weighting is best for which F-measure?).
        paper: number of the paper's table that holds its means; "" where there is none.
    """

    number: str = ""
    metrics: tuple[str, ...] = USUAL_METRICS
    shows: str = "table"
    across: str = "losses"
    sections: str = "measures"
    asks: str = "sensitive"
    paper: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it is a table."""
        return self.shows == "table"

    @property
    def has_scores(self) -> bool:
        """Whether it is made from scores."""
        return self.shows not in ("rectangles", "bounds", "surfaces")


def _table(number: str, **settings: object) -> Layout:
    return Layout(f"Table {number}", paper=number, **settings)


# in the order in which the paper shows them
LAYOUTS = {
    "fig1": Layout("Fig. 1", (), "bounds"),
    "fig2": Layout("Fig. 2", (), "surfaces"),
    "table1": _table("I", across="data sets", asks="measures"),
    "table2": _table("II"),
    "fig3": Layout("Fig. 3", ("dice",), "slices", paper="II"),
    "table3": _table("III", asks="weights"),
    "fig4": Layout("Fig. 4", ("dice",), "sizes", paper="II"),
    "table4": _table("IV", metrics=DISTANCE_METRICS, across="data sets", asks="measures"),
    "fig5": Layout("Fig. 5", (), "rectangles"),
    "table5": _table("V", across="data sets"),
    "table6": _table("VI"),
    "table7": _table("VII", asks="weights"),
    "tableB1": _table("B.1", metrics=F_MEASURES, sections="data sets", asks="f-measures"),
    "figB1": Layout("Fig. B.1", shows="boxes", asks="measures", paper="I"),
    "figB2": Layout("Fig. B.2", shows="boxes", paper="V"),
    "figB3": Layout("Fig. B.3", shows="boxes", paper="VI"),
    "figB4": Layout("Fig. B.4", shows="boxes", asks="weights", paper="VII"),
    "figB5": Layout("Fig. B.5", DISTANCE_METRICS, "boxes", asks="measures", paper="IV"),
    "figB6": Layout("Fig. B.6", shows="boxes", paper="II"),
    "figB7": Layout("Fig. B.7", shows="boxes", asks="weights", paper="III"),
    "figB8": Layout("Fig. B.8", F_MEASURES, "boxes", asks="f-measures", paper="B.1"),
}


def layout_of(recipe: str) -> Layout:
    """The layout of a recipe; an unknown one is laid out as the paper's Table II.

    Example:
        >>> layout_of("tableB1").number, layout_of("mine").metrics
        ('Table B.1', ('dice', 'jaccard'))
    """
    return LAYOUTS.get(recipe, Layout())


def in_paper_order(recipes: list[str]) -> list[str]:
    """Sort recipes as the paper shows them, others after them in their own order.

    Example:
        >>> in_paper_order(["mine", "table3", "fig1"])
        ['fig1', 'table3', 'mine']
    """
    known = list(LAYOUTS)
    return sorted(recipes, key=lambda recipe: known.index(recipe) if recipe in LAYOUTS else len(known))
