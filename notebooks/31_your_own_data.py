# %% [markdown]
# # 31 · Your own data, from a folder to a table
#
# You have images and masks in some layout of your own, and want to know which loss to train with. This notebook goes
# all the way: patterns for the files, a look for what is broken, a study of two losses, the test, and a trained network
# applied to a new image. It writes no reader and no training loop.
#
# The folder here is made of phantoms (polyps) under names that no data set has. Put your folder in `ROOT` and your
# names in the two patterns; nothing else changes.

# %%
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import PIL.Image
from IPython.display import Image

from kerasmetricloss import datasets, reports, statistics, studies
from kerasmetricloss.datasets import contact_sheet, inspection
from kerasmetricloss.pipelines import inference
from kerasmetricloss.reports import directory, slices
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.scores import ScoreTable

ROOT = None  # your folder; None makes one of phantoms in a temporary folder
work = Path(tempfile.mkdtemp())
plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## A folder as folders are
#
# Nine patients with four frames each. Images in one tree, masks in another, file names of no one's standard.

# %%
root = Path(ROOT or work / "my_clinic")
if ROOT is None:
    phantoms = datasets.write_phantom("po18", work / "phantoms", cases=36, seed=5, size=(144, 108))
    for kind, folder in {"scope": "Original", "expert": "Ground Truth"}.items():
        for number in range(36):
            target = root / kind / f"P{number // 4 + 1:02d}" / f"frame_{number % 4 + 1}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(phantoms / folder / f"{number + 1}.png", target)

# %%
sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))[:3]

# %% [markdown]
# ## Two patterns say it all
#
# `*` is any text in a name. `{group}` is text that tells which cases belong together, here the patient. All of it
# becomes the id of the case.
#
# **Predict.** Which id will the first case have?

# %%
reading = {"images": ("scope/{group}/*.png",), "truth": ("expert/{group}/*.png",)}
cases = datasets.open_dataset("folder", root, **reading)
cases[0].id, cases[0].group, len(cases)

# %%
if ROOT is None:
    assert (cases[0].id, cases[0].group) == ("P01_frame_1", "P01")
    assert len(cases) == 36
    assert len({case.group for case in cases}) == 9

# %% [markdown]
# `P01_frame_1` of group `P01`: 36 cases of 9 patients. A case is lazy; no picture was opened so far. Scans work the
# same way, one pattern a channel: `images=("*/adc.nii.gz", "*/dwi.nii.gz")`.
#
# ## What is wrong with it?
#
# Something always is. Let us break one mask as a full disk would, and empty another.
#
# **Predict.** One of the two keeps its case from being used, the other is worth a look. Which is which?

# %%
broken, emptied = (Path(case.files[-1]) for case in (cases[5], cases[10]))
kept = {path: path.read_bytes() for path in (broken, emptied)}
if ROOT is None:
    broken.write_bytes(kept[broken][:60])
    PIL.Image.new("L", (144, 108)).save(emptied)

# %%
found = inspection.inspect("folder", root, **reading)
for problem in (*found.problems, *found.notes):
    print(f"case {problem.case}: {problem.problem}; {problem.mend}")

# %% [markdown]
# The cut file is a *problem*: the case cannot be read. The empty mask is a *note*: it may be right, for a healthy frame
# has no polyp, and only you know. Each comes with what to do. A study would refuse to start on a broken file, before it
# trains anything, and name it.

# %%
if ROOT is None:
    assert [problem.case for problem in found.problems] == [cases[5].id]
    assert cases[10].id in [note.case for note in found.notes]
for path, data in kept.items():
    path.write_bytes(data)

# %% [markdown]
# Mended. Now look at the first six. **Predict.** Will frames of one patient look alike?

# %%
found = inspection.inspect("folder", root, **reading)
assert not found.problems
Image(contact_sheet.contact_sheet(found, most=6), width=760)

# %% [markdown]
# *The truths outlined, the largest object first; the id of each case above it.* In phantoms every frame is a scene of
# its own. In a real video they look alike, and then the group matters: a network must not be tested on a frame whose
# neighbour it was trained on.

# %%
ratio = pd.Series(found.ratios(0)).describe()[["min", "50%", "max"]]
ratio.round(4)

# %% [markdown]
# ## A study of two losses
#
# `folder_setup` gives settings for pictures (2) or volumes (3). The folds keep patients together.
#
# **Predict.** How many trainings do two losses in three folds take?

# %%
recipe = replace(studies.recipe("table2"), losses=("CE", "sDice"))
tiny = replace(studies.folder_setup(2, "small", recipe), reading=reading, picture_size=(48, 36))
setup = replace(tiny, network=studies.small_network(2, 6)).with_training(
    epochs=24, post_epochs=10, rate=1e-2, post_rate=3e-3
)

# %% tags=["varies"]
request = studies.Request(recipe, setup, root, work / "study", folds=3)
out = studies.run(request, observer=studies.Lines())

# %% [markdown]
# Nine: in each fold one with cross-entropy to start from, and two that go on from there. Had it been stopped, the same
# call would go on where it was.
#
# The frames of a patient are in one fold:

# %%
scores = ScoreTable.read(out / "scores.parquet")
folds = scores.frame.groupby("group")["fold"].nunique()
assert (folds == 1).all()
assert len(scores.values(dataset="folder", metric="dice")) == len(cases)
scores.frame.groupby("fold")[["group", "case"]].nunique()

# %% [markdown]
# ## What it learned
#
# **Predict.** The two outputs below come from the same weights and the same frames. Which of them is more nearly black
# and white, and which leaves more grey?

# %%
example = directory.read_study(out).examples[0]
Image(slices.example_slices(example.image, example.truth, example.predictions, dice=example.meta["dice"]), width=620)

# %% [markdown]
# *The case of median Dice under cross-entropy. Blue: the truth; red: the prediction. Brightness is the output; below it
# the histogram of its values.* Cross-entropy leaves a little more grey; both are sure of most pixels.
#
# ## The table, and whether to believe it
#
# **Predict.** Before you look: with 36 frames, how large must a difference in mean Dice be to be significant, roughly?

# %%
reports.build_report(out)
Image(out / "figures" / "table2.png", width=480)

# %% tags=["varies"]
single = statistics.compare(scores, dataset="folder", metric="dice")
grouped = statistics.compare(scores, dataset="folder", metric="dice", by_group=True)
pd.concat({"cases resampled": single.against("CE"), "patients resampled": grouped.against("CE")}).round(3)

# %% [markdown]
# The interval answers the question: about half its width is what 36 frames can see. Resampling patients asks what other
# *patients* would give, and that is what a reader wants to know. Where frames are alike its interval is wider; these
# phantoms are not alike, so here the two are of a kind. The marks of the table above took frames for cases: where a
# patient has several, build it with `reports.build_report(out, by_group=True)` and believe those. The comparison tells
# what to mind:

# %%
for note in grouped.notes:
    print(note)

# %% [markdown]
# The whole report is `report.html` in the study's directory: one file, with tables for Markdown, CSV and LaTeX beside
# it.

# %%
written = {path.name for path in out.iterdir()}
assert {"report.html", "report.md", "table2.csv", "table2.tex", "scores.parquet"} <= written

# %% [markdown]
# There are no published numbers to set beside your own data. For the paper's sets the report prints them; in its Table
# II sDice is above CE on all seven rows, by 0.002 (MO17) to 0.081 (IS17).

# %%
from_paper = {row: reports.published.published_mean("dice", row, "sDice")[0] for row in ("mo17", "is17")}
ce = {row: reports.published.published_mean("dice", row, "CE")[0] for row in ("mo17", "is17")}
assert {row: round(from_paper[row] - ce[row], 3) for row in ce} == {"mo17": 0.002, "is17": 0.081}

# %% [markdown]
# ## Use the network
#
# Each training keeps its network, with a note of how its images were prepared. So a new image needs no code of yours:
# it is resized, normalised, predicted and brought back to its own grid.
#
# **Predict.** The network saw 48 by 36 pixels. Which shape has its prediction for a frame of 144 by 108?

# %%
path = sorted((out / "cells").glob("*post-sDice*"))[0] / "model.keras"
model, trained_on = inference.load_model(path)
prediction = inference.predict_case(cases[0], inference.Network.of(model), trained_on)
prediction.probability.shape

# %%
if ROOT is None:
    assert prediction.probability.shape == (108, 144, 1)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.6))
left.imshow(prediction.volume.image / 255)
left.contour(prediction.volume.truth[..., 0], levels=[0.5], colors="#4aa3ff")
right.imshow(prediction.probability[..., 0], cmap="gray", vmin=0, vmax=1)
for axes in (left, right):
    axes.set_axis_off()
plt.show()

# %% [markdown]
# *Left the frame with its true outline, right the output on the frame's own grid, (108, 144, 1): blocks three pixels
# wide, smoothed.*
#
# ## The same without Python
#
# ```
# kerasmetricloss inspect --dataset folder --root FOLDER --images 'scope/{group}/*.png' --truth 'expert/{group}/*.png'
# kerasmetricloss run table2 --dataset folder --root FOLDER --images 'scope/{group}/*.png' \
#     --truth 'expert/{group}/*.png' --losses CE,sDice --inner-validation 0.2 --by-group --out STUDY
# kerasmetricloss report STUDY --by-group
# kerasmetricloss predict --dataset folder --root FOLDER --images 'scope/{group}/*.png' \
#     --model STUDY/cells/CELL/model.keras --out MASKS
# ```
#
# `--by-group` resamples whole patients. `--inner-validation 0.2` chooses the weights on training patients that are kept
# aside, not on the fold that is reported, which would flatter a loss that is nearly the score. `--help` says what else
# each takes.
#
# ## What this does and does not show
#
# The way from a folder to a table. Not that either loss is better on polyps: 36 phantoms and a network of a minute show
# nothing of the kind. With your data take `folder_setup(2, "paper")`, five folds and a GPU, and read notebook 30 first:
# it says how many cases are enough.
#
# ## Exercise
#
# Your masks hold three numbers: 1 is polyp, 2 is instrument, 255 was not looked at. Read polyp and instrument as two
# labels, and leave out the rest.
#
# <details>
# <summary>Solution</summary>
#
# One setting, `values`: label -> its numbers; the label `"ignore"` is left out of training and scoring.
#
# ```python
# values = {"polyp": (1,), "instrument": (2,), "ignore": (255,)}
# cases = datasets.open_dataset("folder", root, **reading, values=values)
# cases[0].labels  # ("polyp", "instrument")
# ```
#
# In a study the same goes into `reading`; the network then has two outputs, and the table a row for each label.
#
# </details>
