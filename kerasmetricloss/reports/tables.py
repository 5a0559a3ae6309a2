"""A table once, written as Markdown, LaTeX, HTML or plain text, laid out as the paper's Table II.

Rows stand in sections (Dice, Jaccard), columns in groups (CE-based, metric-sensitive). Grey and italic are the paper's
marks: in Markdown grey is **bold**, in plain text `*` stands for grey and `-` for italic.
"""

import html
from dataclasses import dataclass
from itertools import groupby

ITALIC_WORDS = "worse than all others"
MARK_SIGNS = {"grey": "*", "italic": "-", "": " "}


@dataclass(frozen=True)
class Cell:
    """One entry: what it says, its mark, and a second line in smaller print."""

    text: str
    mark: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """One row: the section it stands in, its name, its cells."""

    section: str
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table that knows nothing of its format.

    Attributes:
        caption: what the table shows.
        columns: heads of the columns.
        rows: the rows, those of a section in sequence.
        groups: heads above runs of columns, one a column; empty strings where there is none.
        corner: head of the column of names.
        legend: what the marks mean.
        alone: heads of the columns where no group can stand above them; those of `columns` where empty.
        grey: what a grey mark says, where it is read out.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[str, ...] = ()
    corner: str = ""
    legend: str = ""
    alone: tuple[str, ...] = ()
    grey: str = "top-ranked"

    def sections(self) -> list[tuple[str, list[Row]]]:
        """Rows by section, in order."""
        return [(name, list(rows)) for name, rows in groupby(self.rows, key=lambda row: row.section)]

    def spans(self) -> list[tuple[str, int]]:
        """Column groups with the number of columns each spans."""
        return [(name, len(list(run))) for name, run in groupby(self.groups)]

    @property
    def sectioned(self) -> bool:
        """Whether any row stands in a named section."""
        return any(row.section for row in self.rows)


def transposed(table: Table) -> Table:
    """Turn rows into columns: for many losses where the page is narrow, as in a terminal."""
    groups = table.groups or ("",) * len(table.columns)
    return Table(
        caption=table.caption,
        columns=tuple(f"{row.section} {row.name}".strip() for row in table.rows),
        rows=tuple(
            Row(group, name, tuple(row.cells[index] for row in table.rows))
            for index, (group, name) in enumerate(zip(groups, table.columns, strict=True))
        ),
        legend=table.legend,
        grey=table.grey,
    )


def to_markdown(table: Table) -> str:
    """Write a table in GitHub's Markdown: caption, table, legend."""
    heads = [*([""] if table.sectioned else []), table.corner, *(table.alone or table.columns)]
    lines = [f"*{_md(table.caption)}*", "", _md_row(heads), _md_row(["---"] * len(heads), escape=False)]
    for section, rows in table.sections():
        for index, row in enumerate(rows):
            first = [_md(section if index == 0 else "")] if table.sectioned else []
            lines.append(_md_row([*first, _md(row.name), *map(_md_cell, row.cells)], escape=False))
    return "\n".join([*lines, *(["", _md(table.legend.replace("Grey", "Bold"))] if table.legend else [])]) + "\n"


def to_latex(table: Table) -> str:
    """Write a table for LaTeX with booktabs, multirow and colortbl."""
    lead = 2 if table.sectioned else 1
    blank = " & " * lead
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(f'{table.caption}. {table.legend}'.strip())}}}"]
    lines += [rf"\begin{{tabular}}{{{'l' * lead}{'c' * len(table.columns)}}}", r"\toprule"]
    if any(table.groups):
        lines.append(
            blank + " & ".join(rf"\multicolumn{{{n}}}{{c}}{{{_tex(name)}}}" for name, n in table.spans()) + r" \\"
        )
    heads = ([""] if table.sectioned else []) + [table.corner, *table.columns]
    lines.append(" & ".join(map(_tex, heads)) + r" \\")
    for section, rows in table.sections():
        lines.append(r"\midrule")
        for index, row in enumerate(rows):
            first = []
            if table.sectioned:
                first = [rf"\multirow{{{len(rows)}}}{{*}}{{{_tex(section)}}}" if index == 0 else ""]
            lines.append(" & ".join([*first, _tex(row.name), *map(_tex_cell, row.cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def to_html(table: Table) -> str:
    """Write a table with heads that screen readers can follow; marks are said in words as well as shown."""
    lead = 2 if table.sectioned else 1
    caption = html.escape(table.caption)
    flat = "" if table.sectioned else ' class="flat"'
    # a caption scrolls away with a wide table on a phone: the one that is seen stands above the scrolling part
    parts = [f'<figure class="table"><p class="title" aria-hidden="true">{caption}</p>']
    parts.append('<div class="scroll" tabindex="0" role="region"')
    parts.append(f' aria-label="{caption}"><table{flat}><caption class="said">{caption}</caption><thead>')
    if any(table.groups):
        spans = "".join(
            f'<th scope="colgroup" colspan="{n}"><span>{html.escape(name)}</span></th>'
            if name
            else f'<td colspan="{n}"></td>'
            for name, n in table.spans()
        )
        parts.append(f'<tr class="groups"><td colspan="{lead}"></td>{spans}</tr>')
    corner = f'<th scope="col">{html.escape(table.corner)}</th>' if table.corner else "<td></td>"
    corner = "<td></td>" * (lead - 1) + corner
    # names of losses hold hyphens, at which a head must not break
    heads = "".join(f'<th scope="col">{html.escape(name).replace("-", "‑")}</th>' for name in table.columns)
    parts.append(f"<tr>{corner}{heads}</tr></thead>")
    for section, rows in table.sections():
        parts.append("<tbody>")
        for index, row in enumerate(rows):
            first = ""
            if table.sectioned and index == 0:
                first = f'<th scope="rowgroup" rowspan="{len(rows)}" class="section">{html.escape(section)}</th>'
            cells = "".join(_html_cell(cell, table.grey) for cell in row.cells)
            parts.append(f'<tr>{first}<th scope="row">{html.escape(row.name)}</th>{cells}</tr>')
        parts.append("</tbody>")
    legend = f"<figcaption>{html.escape(table.legend)}</figcaption>" if table.legend else ""
    return "".join([*parts, "</table></div>", legend, "</figure>"])


def to_text(table: Table) -> str:
    """Write a table for the terminal."""
    grid = [[*([""] if table.sectioned else []), table.corner, *(table.alone or table.columns)]]
    for section, rows in table.sections():
        for index, row in enumerate(rows):
            first = [section if index == 0 else ""] if table.sectioned else []
            grid.append([*first, row.name, *(cell.text + MARK_SIGNS[cell.mark] for cell in row.cells)])
    lead = 2 if table.sectioned else 1
    widths = [max(len(line[column]) for line in grid) for column in range(len(grid[0]))]
    lines = [
        "  ".join(
            text.ljust(w) if k < lead else text.rjust(w) for k, (text, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in grid
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(line.rstrip() for line in [table.caption, "", *lines]) + "\n"


def _md(text: str) -> str:
    for sign in "\\|*_<>`":
        text = text.replace(sign, "\\" + sign)
    return text


def _md_row(cells: list[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(map(_md, cells) if escape else cells) + " |"


def _md_cell(cell: Cell) -> str:
    sign = {"grey": "**", "italic": "*"}.get(cell.mark, "")
    detail = f" {_md(cell.detail)}" if cell.detail else ""
    return f"{sign}{_md(cell.text)}{sign}{detail}"


_TEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "−": "$-$",
    "–": "--",
    "<": "$<$",
    ">": "$>$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
} | {sign: "\\" + sign for sign in "&%_#$\x7b\x7d"}
_TEX_SIGNS = str.maketrans(_TEX)


def _tex(text: str) -> str:
    return text.translate(_TEX_SIGNS)


def _tex_cell(cell: Cell) -> str:
    text = _tex(cell.text)
    if cell.mark == "italic":
        text = rf"\textit{{{text}}}"
    if cell.mark == "grey":
        text = rf"\cellcolor[gray]{{0.85}}{text}"
    return f"{text} {{\\scriptsize {_tex(cell.detail)}}}" if cell.detail else text


def _html_cell(cell: Cell, grey: str) -> str:
    words = grey if cell.mark == "grey" else ITALIC_WORDS
    said = f'<span class="said"> ({words})</span>' if cell.mark else ""
    style = f' class="{cell.mark}"' if cell.mark else ""
    detail = f"<small>{html.escape(cell.detail)}</small>" if cell.detail else ""
    return f"<td{style}>{html.escape(cell.text)}{said}{detail}</td>"
