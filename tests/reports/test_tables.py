"""One table in four formats."""

from kerasmetricloss.reports.tables import Cell, Row, Table, to_html, to_latex, to_markdown, to_text, transposed

TABLE = Table(
    caption="A & B",
    columns=("CE", "sDice-L2", "x|y"),
    rows=(
        Row("Dice", "PO18", (Cell("0.1", "italic"), Cell("0.9", "grey"), Cell("<0.2", "", "[0, 1]"))),
        Row("Dice", "BR18", (Cell("0.3"), Cell("0.4"), Cell("–"))),
        Row("Jacc.", "PO18", (Cell("0.5"), Cell("0.6"), Cell("−0.7"))),
    ),
    groups=("CE-based", "", ""),
    corner="data set",
    legend="Grey: best.",
)


def test_markdown_by_hand():
    assert to_markdown(TABLE) == (
        "*A & B*\n\n"
        "|  | data set | CE | sDice-L2 | x\\|y |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| Dice | PO18 | *0.1* | **0.9** | \\<0.2 \\[0, 1\\] |\n".replace("\\[0, 1\\]", "[0, 1]")
        + "|  | BR18 | 0.3 | 0.4 | – |\n"
        "| Jacc. | PO18 | 0.5 | 0.6 | −0.7 |\n\n"
        "Bold: best.\n"
    )


def test_latex_marks_and_escapes():
    text = to_latex(TABLE)
    assert r"\caption{A \& B. Grey: best.}" in text
    assert r"\textit{0.1} & \cellcolor[gray]{0.85}0.9 & $<$0.2 {\scriptsize [0, 1]} \\" in text
    assert r"\multirow{2}{*}{Dice} & PO18" in text
    assert r"\multicolumn{1}{c}{CE-based} & \multicolumn{2}{c}{}" in text
    assert r"& $-$0.7 \\" in text
    assert text.count("{") == text.count("}")


def test_latex_keeps_every_sign_of_a_name():
    name = r"{a} 5^2 $x$ ~b\c_d #1"
    text = to_latex(Table(caption=name, columns=("a{b",), rows=(Row("s", name, (Cell("1 − 2"),)),)))
    written = r"\{a\} 5\textasciicircum{}2 \$x\$ \textasciitilde{}b\textbackslash{}c\_d \#1"
    assert rf"\caption{{{written}." in text
    assert rf"& {written} & 1 $-$ 2 \\" in text
    assert r"a\{b" in text


def test_html_says_marks_in_words_and_scopes_heads():
    text = to_html(TABLE)
    assert '<td class="italic">0.1<span class="said"> (worse than all others)</span></td>' in text
    assert '<td class="grey">0.9<span class="said"> (top-ranked)</span></td>' in text
    assert '<th scope="rowgroup" rowspan="2" class="section">Dice</th>' in text
    assert "&lt;0.2<small>[0, 1]</small>" in text
    assert 'aria-label="A &amp; B"' in text


def test_text_lines_up():
    lines = to_text(TABLE).splitlines()
    assert lines[0] == "A & B"
    assert lines[2].split() == ["data", "set", "CE", "sDice-L2", "x|y"]
    assert lines[4].split() == ["Dice", "PO18", "0.1-", "0.9*", "<0.2"]
    assert len({len(line) for line in (lines[3], lines[4] + " ", lines[5] + " ")}) == 1  # the last sign is a mark


def test_transposed_turns_rows_into_columns():
    turned = transposed(TABLE)
    assert turned.columns == ("Dice PO18", "Dice BR18", "Jacc. PO18")
    assert [(row.section, row.name, row.cells[0].text) for row in turned.rows] == [
        ("CE-based", "CE", "0.1"),
        ("", "sDice-L2", "0.9"),
        ("", "x|y", "<0.2"),
    ]


def test_a_table_without_sections_has_one_column_of_names():
    table = Table(caption="c", columns=("a",), rows=(Row("", "r", (Cell("1"),)),))
    assert to_markdown(table) == "*c*\n\n|  | a |\n| --- | --- |\n| r | 1 |\n"
    assert "multirow" not in to_latex(table)
