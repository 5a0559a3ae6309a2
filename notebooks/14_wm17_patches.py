# %% [markdown]
# # 14 · WM17: white matter lesions in patches, U-Net and DeepMedic
#
# Lesions of a few voxels in a head of millions. WM17 has the lowest ratio of foreground to background of the paper's
# data sets, 0.00518, and is trained on **patches**: with the U-Net, and with DeepMedic, a network made for small ones.
# The loss sees patches, the score sees whole heads. Does a Dice loss still pay?
#
# Here: 12 phantoms, voxels of 5 mm, a tiny U-Net, two folds, under two minutes. **Phantoms show the machinery, not
# medicine.** Put the folder of the WMH challenge 2017, with `Utrecht`, `Singapore` and `Amsterdam` in it, in `ROOT`,
# and the same cells run on it.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image

from kerasmetricloss import datasets, models, pipelines, reports, statistics, studies
from kerasmetricloss.datasets import contact_sheet, inspection
from kerasmetricloss.pipelines import geometry, tfdata
from kerasmetricloss.reports import directory, figures, published, slices
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.scores import ScoreTable

ROOT = None  # folder of your data set; None makes phantoms in a temporary folder
work = Path(tempfile.mkdtemp())
plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## The folder
#
# Three hospitals, three scanners, three depths of folders.

# %%
root = Path(ROOT or datasets.write_phantom("wm17", work / "wm17", cases=12, seed=0))
found = inspection.inspect("wm17", root)
print(len(found.cases), "cases,", len(found.problems), "problems,", len(found.notes), "notes")
[
    (case.id, summary.shape, [round(mm, 2) for mm in summary.spacing_mm])
    for case, summary in zip(found.cases[:3], found.summaries[:3], strict=True)
]

# %% [markdown]
# Grids and voxel sizes differ from case to case; the slices are thick.
#
# **Predict.** The truth holds a third number beside 0 and 1: other pathology, such as an old infarct. It is neither
# lesion nor healthy. What should a loss make of it?

# %%
Image(contact_sheet.contact_sheet(found, most=6), width=760)

# %% [markdown]
# *FLAIR of six cases where most lesions are. Outlined: lesions and mask; hatched: what is ignored.*
#
# Nothing at all: such voxels are left out of training and scoring. So is what lies outside the head.

# %%
ignored = [summary.ignored for summary in found.summaries]
ratios = found.ratios(0)
print(f"{sum(n > 0 for n in ignored)} cases with ignored voxels; mean ratio {ratios.mean():.4f}")
if ROOT is None:
    assert any(ignored)
    assert ratios.mean() < 0.05

# %% [markdown]
# ## Patches
#
# **Predict.** A patch of 9 by 9 by 9 voxels is cut around a random voxel of the head. What share of such patches holds
# any lesion?

# %%
preparation = pipelines.Preparation(spacing_mm=5.0, output_size=(40, 48, 36), margin=4)
prepared = pipelines.prepare_all(found.cases[:6], preparation)
shift, scale = pipelines.channel_statistics(prepared)
patches = pipelines.Patches(output_size=(9, 9, 9), margin=4, volumes=3, repeats=2)
stream = tfdata.patch_batches(prepared, patches, shift=shift, scale=scale, batch=12, seed=0)

# %%
batches = [batch for _, batch in zip(range(8), stream, strict=False)]
hit = np.concatenate([truth.numpy().any(axis=(1, 2, 3, 4)) for _, truth in batches])
print(f"{hit.mean():.0%} of {hit.size} patches hold a lesion")

# %%
if ROOT is None:
    assert 0.1 < hit.mean() < 0.9

# %% [markdown]
# Many hold none. For an empty truth the soft Dice loss of a patch is 1 whatever is predicted, and its gradient is 0:
# such a patch teaches nothing. Cross-entropy learns from it that background is background. This is why Dice losses on
# patches want large ones, or patches drawn at lesions (`foreground=0.5`).

# %%
(images, _), truths = batches[0]
images, truths = images.numpy(), truths.numpy()
fullest = np.argsort(truths.sum(axis=(1, 2, 3, 4)))[::-1][:4]
# %%
figure, row = plt.subplots(1, 4, figsize=(7.6, 2.2))
for axes, k in zip(row, fullest, strict=True):
    plane = int(truths[k, ..., 0].sum(axis=(0, 1)).argmax())
    axes.imshow(geometry.crop_or_fill(images[k], (9, 9, 9))[:, :, plane, 0].T, cmap="gray", origin="lower")
    axes.imshow(np.ma.masked_equal(truths[k, :, :, plane, 0].T, 0), cmap="autumn", alpha=0.5, origin="lower")
    axes.set_axis_off()
plt.show()

# %% [markdown]
# *FLAIR in the fullest plane of the four fullest patches of a batch, lesions tinted. A patch knows little of the head.*
#
# ## Two networks
#
# The U-Net takes a large patch and looks at all of it. DeepMedic takes a small one twice: sharp, and, from a wider
# surrounding, at a third of the resolution.
#
# **Predict.** For an output of 15 voxels an axis, how many voxels does DeepMedic look at?

# %%
size = models.deepmedic_input_size((15, 15, 15))
unet, deepmedic = models.unet_wm17(), models.deepmedic(dimension=3, input_channels=2, input_size=size)
trained = sum(int(np.prod(weight.shape)) for weight in deepmedic.trainable_weights)
print(f"input {size}; U-Net {unet.count_params():,}, DeepMedic {trained:,} trained weights")

# %%
assert size == (63, 63, 63)
assert (unet.count_params(), trained) == (3_875_141, 660_251)
assert round(unet.count_params() / trained) == 6

# %% [markdown]
# At 63. Its 660,251 weights are about a sixth of the U-Net's 3,875,141.
#
# We feed it one patch, the middle of a head, and ask what each of its two pathways is given, and what comes out.
#
# **Predict.** One pathway gets the middle at full resolution, the other every third voxel of all 63. Each loses 16
# voxels an axis in its eight convolutions. With how many must they start to end on the same 15?

# %%
pathways = [deepmedic.get_layer(name).output for name in ("crop_x1", "subsample_x3")]
watched = keras.Model(deepmedic.inputs, [*pathways, deepmedic.output])
head = (geometry.crop_or_fill(prepared[0].image, size) - shift) / scale
inside = geometry.crop_or_fill(prepared[0].mask, (15, 15, 15))
sharp, coarse, output = watched.predict([head[None], inside[None]], verbose=0)
print(*(view.shape for view in (head[None], sharp, coarse, output)), sep="\n")

# %%
assert sharp.shape[1:4] == (31, 31, 31)
assert coarse.shape[1:4] == (21, 21, 21)
assert output.shape == (1, 15, 15, 15, 1)
assert 31 - 2 * 8 == 15 == 3 * (21 - 2 * 8)

# %%
figure, row = plt.subplots(1, 3, figsize=(6.4, 2.5), sharex=True, sharey=True)
views = {"31, all of them": (sharp, 31), "21, every third": (coarse, 63), "15, the output": (output, 15)}
for axes, (title, (view, reach)) in zip(row, views.items(), strict=True):
    middle, ends = view[0, :, :, view.shape[3] // 2, 0], (-reach / 2, reach / 2)
    axes.imshow(middle.T, cmap="gray", origin="lower", extent=(*ends, *ends))
    axes.set(title=title, xlabel="voxels", xlim=(-32, 32), ylim=(-32, 32), facecolor="#dfe6ee")
plt.show()

# %% [markdown]
# *FLAIR in the middle plane, at the same scale. Left the sharp pathway's 31 voxels, in the middle the other's 21, which
# reach over all 63, right the 15 for which the network answers; untrained, its answer means nothing.*
#
# With 31, and with 21: the 5 on which the coarse pathway ends are repeated three times.
#
# ## Training
#
# `wm17` is the U-Net's setup, `wm17dm` DeepMedic's; both read the same folder. We train the U-Net: with cross-entropy,
# then with cross-entropy and with soft Dice from the same weights. Weights are chosen on *whole heads*, as in the
# paper. Of each group of two heads eight batches are cut, and half of the patches are drawn at lesions, for the minute
# that it may take.

# %%
recipe = replace(studies.recipe("table2"), losses=("CE", "sDice"))
small = replace(studies.setup("wm17", "small", recipe), network=studies.small_network(3, 4))
setup = replace(small, patch={**small.patch, "repeats": 8, "foreground": 0.5}).with_training(
    epochs=10, post_epochs=5, rate=1e-2, post_rate=3e-3
)
setup.patch

# %% tags=["varies"]
request = studies.Request(recipe, setup, root, work / "study", folds=2)
out = studies.run(request, observer=studies.Lines())

# %% [markdown]
# **Predict.** Trained with half of its patches at lesions, which loss will draw too much in whole heads?

# %%
study = directory.read_study(out)
example = study.examples[0]
Image(slices.example_slices(example.image, example.truth, example.predictions, dice=example.meta["dice"]), width=560)

# %% [markdown]
# *The case and plane of median Dice under cross-entropy; the number is the Dice score of this plane. Blue: the truth;
# red: output above 0.5.*

# %% tags=["varies"]
scores = ScoreTable.read(out / "scores.parquet")
true, predicted = (scores.values(dataset="wm17", metric=f"{kind}_voxels") for kind in ("foreground", "predicted"))
volume = (predicted / true).median()
volume.round(2)

# %% [markdown]
# *Predicted over true volume, the median over cases: 1 is right, 0 is nothing found.*

# %%
dice = scores.values(dataset="wm17", metric="dice")
if ROOT is None:
    assert volume["CE"] < 0.5
    assert volume["sDice"] > 2
    assert (dice.mean() < 0.3).all()

# %% [markdown]
# Soft Dice, by more than twice the true volume; cross-entropy draws less than half of it. With mean Dice scores below
# 0.3 neither has found the lesions: a minute is not enough where foreground is this rare. Where nothing is certain, the
# one draws nothing and the other a whole region, and both do what their loss asks for.
#
# ## Is it significant?

# %%
reports.build_report(out)
Image(out / "figures" / "table2.png", width=480)

# %% tags=["varies"]
test = statistics.compare(scores, dataset="wm17", metric="dice", method="permutation")
test.against("CE").round(4)

# %%
Image(figures.box_plots({"WM17": {"Dice": scores.values(dataset="wm17", metric="dice")}}), width=560)

# %% [markdown]
# *A dot a case, a diamond the mean.* Mind what a small p says here: that two networks differ, not that one of them is
# of any use.
#
# **Predict.** With 12 cases the permutation test tosses 12 coins. What is the smallest p it can give?

# %%
print(test.notes[0] if test.notes else "40 cases or more: no note.")
assert round(1 / 2**12, 5) == 0.00024

# %% [markdown]
# 1/4096, 0.00024, where all twelve cases agree, however small the gain of each. A p tells how sure a difference is, not
# how large: that is what the interval is for.
#
# ## Beside the paper
#
# **Predict.** Does a Dice loss pay on patches, which was the question at the start? And is weighted cross-entropy, the
# usual remedy for rare foreground, above or below the plain one?

# %%
losses = ("CE", "wCE", "sDice")
paper = {
    name: {loss: published.published_mean("dice", name, loss)[0] for loss in losses} for name in ("wm17", "wm17dm")
}
pd.DataFrame(paper)

# %%
rare = datasets.CATALOG["wm17"]
assert (rare.cases, rare.foreground_ratio) == (60, 0.00518)
assert round((1 + rare.foreground_ratio) / (2 * rare.foreground_ratio)) == 97
assert paper["wm17"] == {"CE": 0.672, "wCE": 0.492, "sDice": 0.712}
assert paper["wm17dm"] == {"CE": 0.671, "wCE": 0.383, "sDice": 0.717}

# %% [markdown]
# The paper's answer is yes: 0.712 against 0.672 with the U-Net, 0.717 against 0.671 with DeepMedic, on 60 cases. And
# weighted cross-entropy is far below both, 0.492 and 0.383. With foreground this rare, 0.00518, a voxel of lesion has a
# weight of 97 in it.
#
# ## What this does and does not show
#
# How patches are drawn, trained on and put together to whole heads. Not which loss finds lesions better: twelve
# phantoms of 5 mm, a tiny network, a minute, and patches that are not drawn as the paper draws them. At the paper's
# scale: `kerasmetricloss run table2 --dataset wm17 --root FOLDER --out STUDY --scale paper`, and the same with
# `wm17dm`.
#
# ## Exercise
#
# The training drew half of its patches at lesions: `Patches(..., foreground=0.5)`. What becomes of the share of patches
# with a lesion in our first stream, and what might go wrong when the network sees whole heads?
#
# <details>
# <summary>Solution</summary>
#
# ```python
# chosen = replace(patches, foreground=0.5)
# stream = tfdata.patch_batches(prepared, chosen, shift=shift, scale=scale, batch=12, seed=0)
# batches = [batch for _, batch in zip(range(8), stream, strict=False)]
# print(np.mean([truth.numpy().any(axis=(1, 2, 3, 4)).mean() for _, truth in batches]))
# ```
#
# At least half of them hold one now. But the network meets lesions far more often than in a head. Cross-entropy learns
# that prior too and may draw too many once it has converged; in our minute it has drawn next to nothing. Soft Dice has
# no such prior to learn, but it sees less of the background in which false alarms arise. The paper draws centres
# uniformly inside the head.
#
# </details>
