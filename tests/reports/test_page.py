"""The report as a whole: what it says, that it stands alone, that it repeats."""

import json
import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from kerasmetricloss.reports import build_report, terminal_table
from kerasmetricloss.scores import ScoreTableError

from .conftest import rows, settings, write

FAST = {"resamples": 300}


class Page(HTMLParser):
    """Every tag with its attributes, open tags that were never closed, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(full_study):
    return build_report(full_study, **FAST)


@pytest.fixture(scope="module")
def page(report):
    return Page(report.read_text(encoding="utf-8"))


def test_the_page_stands_alone(page):
    assert page.open == []
    links = [
        value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href", "srcset", "data")
    ]
    assert links
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in links)
    assert not page.all("script")
    assert not page.all("link")
    assert "url(" not in page.text  # the style sheet is part of the text
    assert "@import" not in page.text


def test_every_picture_says_what_it_shows(page):
    pictures = page.all("img")
    assert len(pictures) == 4  # boxes, sizes, one example, curves
    assert all(len(picture["alt"]) > 40 for picture in pictures)


def test_anchors_and_targets_agree(page):
    targets = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(targets) == len(set(targets))
    assert {attrs["href"][1:] for attrs in page.all("a")} <= set(targets)


def test_headings_and_table_heads_are_marked_up(page):
    assert len(page.all("h1")) == 1
    assert page.all("html")[0]["lang"] == "en"
    assert all("scope" in attrs for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("meta")[1]["name"] == "viewport"


@pytest.mark.parametrize(
    "said",
    [
        "Losses on phantoms <b>&",  # shown as text, not as tags
        "45 cases from 15 groups, 5 folds",
        "Yes: both metric-sensitive losses beat cross-entropy in Dice score.",
        "With whole groups resampled (15 groups): 2 of 2 better than CE, 0 worse.",
        "phantoms drawn by this software",
        "Small scale",
        "the very fold that is reported",
        "not corrected for multiple comparisons, as in the paper",
        "Cases without a score, missing or undefined, of 45: CE 1",
        "Dice and Jaccard rank the losses alike (sDice > sTversky 0.3/0.7 > CE > wCE)",
        "every loss against cross-entropy",
        "one-sided p of “row is better than column”",
        "The paper's means (its Tables II, III)",
        "predicted volume over true volume",
        "Those networks scored",
        "case fäll 7",
        "median Dice under CE",
        "kerasmetricloss demo --out demo",
        "network: parameters",
        "45 entries, in study.json",
    ],
)
def test_the_page_says(page, said):
    assert said in re.sub(r"\s+", " ", page.text)


def test_table_shows_means_marks_and_the_papers_numbers(report):
    text = report.read_text(encoding="utf-8")
    assert '<span class="said"> (top-ranked)</span>' in text
    assert '<span class="said"> (worse than all others)</span>' in text
    assert "<td>0.635</td><td>0.602</td><td>0.656</td><td>0.638</td>" in text  # Tables II and III, Dice, PO18


def test_equal_input_gives_equal_bytes(full_study, report, tmp_path):
    copy = shutil.copytree(
        full_study, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("figures", "report*", "table2*")
    )
    build_report(copy, **FAST)
    made = [path for path in full_study.rglob("*") if path.is_file()]
    assert len(made) == len([path for path in copy.rglob("*") if path.is_file()]) >= 15
    for path in made:
        assert path.read_bytes() == (copy / path.relative_to(full_study)).read_bytes(), path.name


def test_a_second_report_replaces_the_first(full_study, report):
    before = report.read_bytes()
    assert build_report(full_study, **FAST).read_bytes() == before
    assert not list(full_study.rglob(".*"))


def test_markdown_has_the_same_parts_and_its_pictures(full_study, report, page):
    text = (full_study / "report.md").read_text(encoding="utf-8")
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert len(headings) == len(page.all("h2"))
    pictures = re.findall(r"!\[[^\]]{40,}\]\((figures/[^)]+\.png)\)", text)
    assert len(pictures) == 4
    assert all((full_study / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert (full_study / "figures/table2.png").exists()


def test_terminal_table_shows_marks_and_answer(full_study):
    text = terminal_table(full_study, **FAST)
    assert re.search(r"Dice +PO18 +0\.\d{3} +0\.\d{3}- +0\.\d{3}\*", text)
    assert "Yes: both metric-sensitive losses beat cross-entropy" in text.replace("\n", " ")
    assert max(map(len, text.splitlines())) <= 100


def test_scores_alone_give_a_report(tmp_path):
    text = build_report(write(tmp_path, rows()), **FAST).read_text(encoding="utf-8")
    assert "Losses compared on PO18" in text
    assert "how they were made is not recorded" in text


def test_one_loss_is_reported_without_a_verdict(tmp_path):
    text = build_report(write(tmp_path, rows(["CE"])), **FAST).read_text(encoding="utf-8")
    assert "It takes CE and at least one metric-sensitive loss." in text


def test_two_losses_mark_only_what_differs(tmp_path):
    study = write(tmp_path, rows(["CE", "sDice"], metrics=("dice",)), settings(losses=["CE", "sDice"]))
    assert "Yes: sDice beats cross-entropy in Dice score." in build_report(study, **FAST).read_text(encoding="utf-8")
    assert "*: better than the other. -: worse." in terminal_table(study, **FAST)


def test_worse_losses_are_called_worse(tmp_path):
    turned = [row | {"loss": {"CE": "sDice", "sDice": "CE"}[row["loss"]]} for row in rows(["CE", "sDice"])]
    text = terminal_table(write(tmp_path, turned), **FAST).replace("\n", " ")
    assert "No: no metric-sensitive loss beats cross-entropy in Dice score. sDice is significantly worse." in text


def test_one_case_is_undecided(tmp_path):
    text = terminal_table(write(tmp_path, rows(cases=1)), **FAST)
    assert "undecided" in text


def test_few_folds_and_few_cases_are_told(tmp_path):
    study = settings(folds={"requested": 5, "used": 3, "by": "group"}, selection="inner validation 0.2", scale="paper")
    few = [row | {"fold": row["fold"] % 3} for row in rows(cases=6)]
    text = build_report(write(tmp_path, few, study), **FAST).read_text(encoding="utf-8")
    assert "3 folds in place of the paper&#x27;s 5" in text
    assert "Only 6 cases. Below 40 the paired bootstrap is too bold" in text
    assert "kept aside (inner validation 0.2)" in text
    assert "Small scale" not in text


def test_a_single_fold_is_told(tmp_path):
    single = [row | {"fold": 0} for row in rows()]
    one = settings(folds={"requested": 5, "used": 1, "by": "case"})
    assert "1 fold in place of" in build_report(write(tmp_path, single, one), **FAST).read_text(encoding="utf-8")
    # Of scores without a description nobody knows what a fold was.
    bare = build_report(write(tmp_path / "bare", single), **FAST).read_text(encoding="utf-8")
    assert "in place of the paper" not in bare


def test_several_labels_give_all_and_each(tmp_path):
    study = settings(recipe="table6", datasets=["br18"], data={"labels": ["WT", "TC", "ET"]})
    scores = rows(dataset="br18", labels=("ET", "TC", "WT"))
    text = terminal_table(write(tmp_path, scores, study), **FAST)
    assert re.findall(r" (All|WT|TC|ET)  ", text) == ["All", "WT", "TC", "ET"] * 2
    assert "(its Tables VI, VII)" in build_report(tmp_path, **FAST).read_text(encoding="utf-8")


def test_a_recipe_of_other_metrics_shows_those(tmp_path):
    study = settings(recipe="table4", losses=["CE", "sDice"])
    scores = rows(["CE", "sDice"], metrics=("hausdorff_mm", "dice"))
    text = terminal_table(write(tmp_path, scores, study), **FAST)
    # laid out as Table IV: losses down, data sets across; one case of CE has no distance; lower is better
    assert re.search(r"HDD \(mm\) +CE +[\d.]+ \(1\)-\n +sDice +[\d.]+ \(0\)\*", text)
    assert "PO18. sDice against CE: better in HDD." in text


def test_a_loss_never_defined_has_no_mean(tmp_path):
    undefined = [row | {"value": math.nan} if row["loss"] == "wCE" else row for row in rows()]
    text = build_report(write(tmp_path, undefined), **FAST).read_text(encoding="utf-8")
    assert "<td>– (45)</td>" in text


def test_a_loss_with_missing_cases_is_told(tmp_path):
    missing = [row for row in rows() if not (row["loss"] == "sDice" and row["case"] == "fäll 2")]
    text = build_report(write(tmp_path, missing), **FAST).read_text(encoding="utf-8")
    assert "of 45: sDice 1." in text


def test_ties_everywhere_are_top_ranked_and_beat_nobody(tmp_path):
    equal = [row | {"value": 0.5} for row in rows()]
    text = terminal_table(write(tmp_path, equal), **FAST)
    assert text.count("0.500*") == 8
    assert "No: no metric-sensitive loss beats cross-entropy" in text.replace("\n", " ")


def test_other_tests_can_be_asked_for(tmp_path):
    path = build_report(write(tmp_path, rows(cases=12)), method="permutation", resamples=500, correction="holm")
    text = path.read_text(encoding="utf-8")
    assert "A paired permutation test" in text
    assert "corrected for multiple comparisons within each data set and measure (Holm)" in text


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("study.json", b"{", r"study\.json: is not JSON"),
        ("study.json", b"[]", r"study\.json: holds a list"),
        ("examples.npz", b"PK\x03\x04", r"examples\.npz: cannot be read .*expected example slices"),
        ("rectangles.npz", b"PK\x03\x04", r"rectangles\.npz: cannot be read .*expected rectangles"),
        ("curves.parquet", b"PAR1", r"curves\.parquet: cannot be read"),
        ("scores.parquet", b"PAR1", r"scores\.parquet: cannot be read"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(tmp_path, name, data, message):
    write(tmp_path, rows(cases=2))
    (tmp_path / name).write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ScoreTableError, match=message):
        build_report(tmp_path, **FAST)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_without_scores_is_refused(tmp_path):
    with pytest.raises(ScoreTableError, match=r"scores\.parquet: no such file.*Run the study first"):
        build_report(tmp_path)
    with pytest.raises(ScoreTableError, match="holds no scores"):
        build_report(write(tmp_path, []))


def test_reports_need_neither_keras_nor_a_backend(tmp_path):
    write(tmp_path, rows(cases=5), settings())
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tensorflow", "jax", "torch", "nibabel", "skimage"):
            raise ImportError(name + " is refused")
sys.meta_path.insert(0, Refuse())
import kerasmetricloss.scores, kerasmetricloss.statistics
from kerasmetricloss.reports import build_report, terminal_table
print(build_report({json.dumps(str(tmp_path))}, resamples=50))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("report.html")
