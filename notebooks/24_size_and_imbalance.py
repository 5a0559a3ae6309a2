# %% [markdown]
# # 24 · Object size and class imbalance
#
# One often hears: *use a Dice loss when foreground is rare.* The paper asks two questions of that (Sec. IV-C). Does
# soft Dice help small objects only (Fig. 4)? And does its advantage go away when the background is cut off (Fig. 5,
# Table V)?
#
# Here: 40 phantom polyps, two of the paper's six ratios, a tiny network, two folds, about a minute. **Phantoms show the
# machinery, not medicine.** Put the folder of real pictures (Kvasir-SEG or CVC-ClinicDB) in `ROOT`, and the same cells
# run on them.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image

from kerasmetricloss import datasets, losses, pipelines, reports, statistics, studies
from kerasmetricloss.datasets import contact_sheet, inspection
from kerasmetricloss.pipelines import tfdata
from kerasmetricloss.reports import directory, figures, published, slices
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.scores import ScoreTable

ROOT = None  # folder of your data set; None makes phantoms in a temporary folder
work = Path(tempfile.mkdtemp())
plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## The folder, by size

# %%
root = Path(ROOT or datasets.write_phantom("po18", work / "po18", cases=40, seed=0, size=(192, 144)))
found = inspection.inspect("po18", root)
print(len(found.cases), "cases,", len(found.problems), "problems,", len(found.notes), "notes")
Image(contact_sheet.contact_sheet(found, most=6), width=760)

# %% [markdown]
# *Six of the cases, the polyps outlined, the largest first.*
#
# **Predict.** Sort all polyps by size. Which share of all foreground pixels lies in the larger half of the cases?

# %%
sizes = pd.Series([summary.foreground[0] for summary in found.summaries]).sort_values()
share = sizes.iloc[len(sizes) // 2 :].sum() / sizes.sum()
print(f"{share:.0%}")
if ROOT is None:
    assert share > 0.85

# %% [markdown]
# More than 85 of 100. A loss that adds up pixels hardly hears the smaller half. The mean of Dice scores gives every
# case one vote.
#
# ## What the network sees

# %%
preparation = pipelines.Preparation(picture_size=(48, 36), output_size=(36, 48))
prepared = pipelines.prepare_all(found.cases, preparation)
shift, scale = pipelines.channel_statistics(prepared)
(images, _), truths = next(iter(tfdata.full_images(prepared, shift=shift, scale=scale, batch=4)))

# %%
figure, row = plt.subplots(1, 4, figsize=(7.6, 1.7))
for axes, image, truth in zip(row, images.numpy(), truths.numpy(), strict=True):
    axes.imshow(((image + 2) / 4).clip(0, 1))
    axes.contour(truth[..., 0], levels=[0.5], colors="white")
    axes.set_axis_off()
plt.show()

# %% [markdown]
# *A batch in normalised colours, 48 by 36 pixels.*
#
# ## Virtual data sets
#
# To change the ratio of foreground to background and nothing else, the paper does not crop the image: the field of view
# would shrink too. It multiplies the *output* by a rectangle around the polyp, in training and in testing. One size of
# rectangle serves all images of a virtual set.
#
# **Predict.** The network sees the whole picture and is asked only inside the rectangle. Is a ratio of 0.3 a large
# rectangle or a small one?

# %%
recipe = replace(studies.recipe("table5"), ratios=(0.05, 0.3))
tiny = replace(studies.setup("po18", "small", recipe), picture_size=(48, 36), network=studies.small_network(2, 6))
setup = tiny.with_training(epochs=24, post_epochs=10, rate=1e-2, post_rate=3e-3)

# %% tags=["varies"]
request = studies.Request(recipe, setup, root, work / "study", folds=2)
out = studies.run(request, observer=studies.Lines())

# %%
study = directory.read_study(out)
shown = study.rectangles[0]
Image(slices.rectangles(shown.image, shown.truth, shown.rectangles), width=420)

# %% [markdown]
# *Green: the polyp; red: the rectangles of the two ratios.* A small one. The same polyp, the same picture; only what
# counts has changed.

# %%
area = {ratio: box[2] * box[3] for ratio, box in shown.rectangles.items()}
print(area)
assert area["0.3"] < area["0.05"]

# %% [markdown]
# With the ratio changes the price that weighted cross-entropy would set. A ratio of 0.05 is a prior of 0.05 / 1.05.
# **Predict.** By which factor is a missed pixel of polyp dearer there than an invented one? And at the ratio 0.3?

# %%
for prior in (0.05 / 1.05, 0.3 / 1.3):
    print(f"prior {prior:.2f}: {(1 - prior) / prior:.1f} times;", losses.from_name("wCE", prior=[prior]))

# %%
assert round(1 / 0.05) == 20
assert round(1 / 0.3, 1) == 3.3

# %% [markdown]
# 20 times, and 3.3 times. Soft Dice has no such number: it takes it from each image.
#
# ## Does the advantage go away?
#
# **Predict.** If rare foreground were the reason for the gain of soft Dice over cross-entropy, what should it be at
# 0.3, compared with 0.05?

# %%
reports.build_report(out)
Image(out / "figures" / "table5.png", width=480)

# %% tags=["varies"]
scores = ScoreTable.read(out / "scores.parquet")
names = ("po18-0.05", "po18-0.3")
tests = {name: statistics.compare(scores, dataset=name, metric="dice") for name in names}
pd.concat({name: test.against("CE") for name, test in tests.items()}).round(3)

# %%
Image(
    figures.box_plots({name.upper(): {"Dice": scores.values(dataset=name, metric="dice")} for name in names}),
    width=560,
)

# %% [markdown]
# *A dot a case, a diamond the mean; one row of boxes a ratio.* Grey in the table is significantly better, italic worse.
# Scores rise with the ratio for both losses: less background, fewer places for a false alarm.

# %%
means = pd.DataFrame({name: test.means for name, test in tests.items()})
if ROOT is None:
    assert (means["po18-0.3"] > means["po18-0.05"]).all()

# %% [markdown]
# ## Does it help small objects only?
#
# Fig. 4 sorts the cases by size and averages within parts of equal numbers. With 40 cases we take four parts, of ten
# cases each.
#
# **Predict.** At which end is the Dice score lower, and why would that be so even for a perfect reader who is one pixel
# off all around?

# %%
name = "po18-0.05"
size = scores.values(dataset=name, metric="foreground_voxels")["CE"]
curve = statistics.size_curve(size, scores.values(dataset=name, metric="dice"), parts=4)
Image(figures.size_curves(curve, metric="Dice", size="foreground pixels"), width=640)

# %% [markdown]
# *Dice against the size of the polyp; dashed lines part the cases in four groups.*

# %% tags=["varies"]
by_size = curve.means.assign(gain=curve.means["sDice"] - curve.means["CE"], cases=curve.counts)
by_size.round(3)

# %%
if ROOT is None:
    assert curve.counts.sum() == 40
    assert (curve.means.iloc[0] < curve.means.iloc[-1]).all()

# %% [markdown]
# At the small end: one pixel all around is most of a small object and little of a large one (notebook 1). A group has
# about ten cases, and nothing is tested: one can see a trend here, but no proof. Whether the gain is confined to the
# small end, the column `gain` says.
#
# ## Beside the paper
#
# **Predict.** The paper goes up to a ratio of 0.5, one pixel of polyp for two of background. What is left there of the
# gain of soft Dice?

# %%
ratios = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
paper = pd.DataFrame(
    {loss: [published.published_mean("dice", f"po18-{r:g}", loss)[0] for r in ratios] for loss in ("CE", "sDice")},
    index=pd.Index(ratios, name="ratio"),
)
paper.assign(gain=(paper["sDice"] - paper["CE"]).round(3))

# %%
gain = (paper["sDice"] - paper["CE"]).round(3)
assert (gain.min(), gain.max()) == (0.008, 0.017)
assert gain.loc[0.5] == 0.008

# %% [markdown]
# The gain is 0.008 to 0.017 at every ratio, and still 0.008, significantly, at one half. So rarity of foreground is not
# the whole reason. The paper's answer: cross-entropy is no surrogate of Dice at any ratio, and its Fig. 4 shows the
# gain over the whole range of sizes.
#
# ## What this does and does not show
#
# How to take the two questions apart: size of the object, and ratio in the data set. Phantoms and a tiny network cannot
# answer them for colonoscopy, and four groups of ten cases cannot for anybody. Weights were chosen on the fold that is
# reported, which flatters soft Dice more than cross-entropy (notebook 30).
# `kerasmetricloss run table5 --dataset po18 --root FOLDER --out STUDY --scale paper`, and `fig4` in the same directory.
#
# ## Exercise
#
# With two equal losses, how large a gap would chance alone open in a group of ten? Take the spread of the paired
# differences in the smallest group and estimate it.
#
# <details>
# <summary>Solution</summary>
#
# The mean of ten differences spreads by their standard deviation over $\sqrt{10}$; twice that is a gap that chance
# opens in one group of twenty.
#
# ```python
# dice = scores.values(dataset=name, metric="dice")
# small = size.sort_values().index[:10]
# print(2 * (dice["sDice"] - dice["CE"])[small].std() / 10**0.5)
# ```
#
# Compare it with the column `gain`. With four groups one looks four times, and chance has four tries.
#
# </details>
