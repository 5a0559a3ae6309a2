# %% [markdown]
# # 13 · PO18: polyps, with DeepLab on VGG16
#
# For colonoscopy the paper takes no U-Net but DeepLab: the convolutions of VGG16, made to look far without shrinking
# the picture. We take the network apart, train it a few steps, and run a small study with its little sister.
#
# Here: 24 phantom polyps, random weights, two folds, about a minute. **Phantoms show the machinery, not medicine.** Put
# the folder of Kvasir-SEG or CVC-ClinicDB, as unpacked, in `ROOT`, and the same cells run on real pictures.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image

from kerasmetricloss import SoftDice, datasets, models, pipelines, reports, statistics, studies
from kerasmetricloss.datasets import contact_sheet, inspection
from kerasmetricloss.pipelines import tfdata
from kerasmetricloss.reports import directory, figures, published, slices
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.scores import ScoreTable

ROOT = None  # folder of your data set; None makes phantoms in a temporary folder
work = Path(tempfile.mkdtemp())
keras.utils.set_random_seed(0)
plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## The folder
#
# The layout is that of CVC-ClinicDB: pictures in one folder, masks of the same names in another.

# %%
root = Path(ROOT or datasets.write_phantom("po18", work / "po18", cases=24, seed=2, size=(192, 144)))
found = inspection.inspect("po18", root)
print(len(found.cases), "cases,", len(found.problems), "problems,", len(found.notes), "notes")
Image(contact_sheet.contact_sheet(found, most=6), width=760)

# %% [markdown]
# *Six of the cases, the polyps outlined.*
#
# **Predict.** The paper gives PO18 a ratio of foreground to background of 0.0424. Are these phantoms near it?

# %%
ratios = found.ratios(0)
print(f"mean {ratios.mean():.3f}, from {ratios.min():.4f} to {ratios.max():.3f}")
if ROOT is None:
    assert 0.02 < ratios.mean() < 0.09

# %% [markdown]
# ## DeepLab, part by part
#
# The paper's network, at the paper's size of 384 by 288 pixels. Weights are random here; `weights="imagenet"` lets
# Keras download those of VGG16, from which the paper starts.

# %%
network = models.deeplab_vgg16(input_size=(288, 384))
print(f"{network.count_params():,} weights")
assert network.count_params() == 20_484_929

# %% [markdown]
# **Predict.** Five blocks of convolutions, each with a pool behind it. Were each pool to halve the picture, as in
# VGG16, 288 rows would become 9. How many are left in DeepLab?

# %%
parts = [*(f"block{k}_pool" for k in (1, 2, 3, 4, 5)), "context12_1", "context12_3", "enlarge"]
pd.DataFrame({part: network.get_layer(part).output.shape[1:] for part in parts}, index=["rows", "columns", "maps"]).T

# %% [markdown]
# 36, an eighth: pools 4 and 5 have stride 1. From there on the maps keep their size, until the logits are enlarged by
# eight at the end, *before* the sigmoid and thus before the loss.

# %%
assert network.get_layer("block5_pool").output.shape[1] == 36 == 288 // 8
assert 288 // 2**5 == 9

# %% [markdown]
# **Predict.** Which part holds most of the 20.5 million weights: the thirteen convolutions of VGG16, or the three of
# the head?

# %%
weights = pd.Series({layer.name: layer.count_params() for layer in network.layers})
features = weights.filter(like="block").sum()
head = weights.filter(like="context").sum()
print(f"VGG16 {features:,}, head {head:,}")
assert weights["context12_1"] == 3 * 3 * 512 * 1024 + 1024 == 4_719_616
assert (features, head) == (14_714_688, 5_770_241)
assert features + head == 20_484_929

# %% [markdown]
# VGG16, with 14,714,688. But one layer of the head has 4.7 million alone: 3 by 3 weights for each pair of 512 maps that
# go in and 1024 that come out, spread out by a *dilation* of 12.
#
# ## Looking far without shrinking
#
# A dilated convolution takes its nine values 12 places apart. So it sees far at no cost. Take one layer with a dilation
# of 4, and a picture with a single bright pixel: where it spreads to are the outputs that look at it.
#
# **Predict.** How many pixels light up, and how far apart are the outermost?

# %%
dot = np.zeros((1, 25, 33, 1), "float32")
dot[0, 12, 16, 0] = 1
layer = models.DilatedConv2D(1, 3, dilation=4, kernel_initializer="ones")
spread = keras.ops.convert_to_numpy(layer(dot))[0, ..., 0]
print(int((spread > 0).sum()), "pixels")

# %%
plt.figure(figsize=(3.6, 2.8))
plt.imshow(spread, cmap="gray")
plt.title("one pixel, seen with dilation 4")
plt.show()

# %% [markdown]
# *Nine white pixels in a square grid on black, 4 apart; the outermost 8.*
#
# Still nine weights. In DeepLab a dilation of 12 at an eighth of the resolution reaches 96 pixels a side.

# %%
rows, columns = np.nonzero(spread)
assert len(rows) == 9
assert rows.max() - rows.min() == columns.max() - columns.min() == 8
assert 12 * 8 == 96

# %% [markdown]
# ## A few steps
#
# A batch first, of small pictures.

# %%
preparation = pipelines.Preparation(picture_size=(64, 48), output_size=(48, 64))
prepared = pipelines.prepare_all(found.cases, preparation)
unchanged = {"shift": np.zeros(3, "float32"), "scale": np.ones(3, "float32")}  # the network normalises colours itself
mild = pipelines.Augmentation(translation_std=(3, 3, 0), noise_std=0, intensity_shift_std=0)
stream = tfdata.training_batches(prepared, **unchanged, batch=4, augmentation=mild, seed=0)

# %%
(images, masks), truths = next(iter(stream))
figure, row = plt.subplots(1, 4, figsize=(7.6, 1.7))
for axes, image, truth in zip(row, images.numpy(), truths.numpy(), strict=True):
    axes.imshow((image / 255).clip(0, 1))
    axes.contour(truth[..., 0], levels=[0.5], colors="white")
    axes.set_axis_off()
plt.show()

# %% [markdown]
# *A batch of four, 64 by 48 pixels: turned, shifted, some mirrored.*
#
# Two steps of the whole network on this batch, from random weights. Pictures this small take seconds; at 384 by 288
# each has 36 times as many pixels.
#
# **Predict.** Is the loss before the second step lower already? And how many of the 20,484,929 weights does a step
# change: those of the head, or all?

# %% tags=["varies"]
keras.utils.set_random_seed(0)
whole = models.deeplab_vgg16()
whole.compile(optimizer=keras.optimizers.Adam(1e-4), loss=SoftDice(), jit_compile=False)
steps = whole.fit([images, masks], truths, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]
print("soft Dice loss before step 1: {:.3f}, before step 2: {:.3f}".format(*steps))

# %%
assert sum(int(np.prod(weight.shape)) for weight in whole.trainable_weights) == whole.count_params() == 20_484_929
assert (384 * 288) / (64 * 48) == 36
if ROOT is None:
    assert 0 < steps[1] < steps[0] < 1

# %% [markdown]
# It is lower, and all weights move: nothing is frozen. For more than two steps `deeplab_small` has the same parts with
# an eighth of the filters.
#
# **Predict.** Before it has learned anything, its outputs are as high beside a polyp as on it. With polyps of a
# twenty-fifth of the picture, what is the soft Dice loss then: about 0.5, or above 0.8?

# %% tags=["varies"]
small = models.deeplab_small()
small.compile(optimizer=keras.optimizers.Adam(1e-3), loss=SoftDice(), jit_compile=False)
history = small.fit(stream, steps_per_epoch=6, epochs=6, shuffle=False, verbose=0)
np.round(history.history["loss"], 3)

# %%
start, end = history.history["loss"][0], history.history["loss"][-1]
if ROOT is None:
    assert start > 0.8
    assert abs(end - start) < 0.1

# %%
plt.figure(figsize=(4.6, 2.6))
plt.plot(range(1, 7), history.history["loss"], "o-", color="#0072b2")
plt.gca().set(xlabel="epoch of six steps", ylabel="soft Dice loss", title="DeepLab, the first 36 steps")
plt.show()

# %% [markdown]
# *Mind the vertical axis: the curve has hardly begun to move.*
#
# Above 0.8, and still there after 36 steps. With the same output $q$ everywhere, and $p$ the polyp's share of the
# picture, soft Dice is $2qp / (q + p)$: below $2p$, whatever $q$ is. There is little to hold on to at the start, which
# is one reason for training with cross-entropy first.
#
# ## The study
#
# Cross-entropy first; then cross-entropy and soft Dice go on from those weights. DeepLab from random weights, on a
# dozen pictures a fold.

# %%
recipe = replace(studies.recipe("table2"), losses=("CE", "sDice"))
little = {"name": "deeplab-small", "dimension": 2}
setup = replace(studies.setup("po18", "small", recipe), picture_size=(64, 48), network=little).with_training(
    batch=2, epochs=30, post_epochs=15, rate=1e-3, post_rate=1e-3
)

# %% tags=["varies"]
request = studies.Request(recipe, setup, root, work / "study", folds=2)
out = studies.run(request, observer=studies.Lines())

# %%
study = directory.read_study(out)
Image(figures.learning_curves(study.curves), width=620)

# %% [markdown]
# *Thin: training, strong: validation; a pair of lines a fold.*
#
# **Predict.** Logits are enlarged by eight. How fine can the outline be?

# %%
example = study.examples[0]
Image(slices.example_slices(example.image, example.truth, example.predictions, dice=example.meta["dice"]), width=560)

# %% [markdown]
# *Blue: the truth; red, where there is any: output above 0.5.* 64 by 48 pixels have 8 by 6 logits. What is between them
# is interpolated, so an outline is smooth, and a polyp smaller than a logit's step is easily lost. At the paper's size
# there are 48 by 36.
#
# ## Is it significant?

# %%
reports.build_report(out)
Image(out / "figures" / "table2.png", width=480)

# %% tags=["varies"]
scores = ScoreTable.read(out / "scores.parquet")
coins = statistics.compare(scores, dataset="po18", metric="dice", method="permutation")
coins.against("CE").round(5)

# %%
Image(figures.box_plots({"PO18": {"Dice": scores.values(dataset="po18", metric="dice")}}), width=560)

# %% [markdown]
# *A dot a case. Dots at 0 are cases of which nothing was found.*
#
# **Predict.** From random weights and with so few pictures, what is the cheapest answer under cross-entropy, where 95
# of 100 pixels are background?

# %% tags=["varies"]
dice = scores.values(dataset="po18", metric="dice")
(dice == 0).sum().rename("cases of which nothing was found")

# %%
if ROOT is None:
    assert dice["CE"].mean() < 0.1
    assert dice["sDice"].mean() > dice["CE"].mean()
    assert (dice == 0).sum()["CE"] >= (dice == 0).sum()["sDice"]

# %% [markdown]
# *Nothing.* With a mean Dice below 0.1 cross-entropy has hardly drawn a pixel: outputs below 0.5 everywhere cost it
# little. Soft Dice, from the very same weights, draws something, for an empty mask is its worst answer, though one
# with next to no slope: where a curve above ends at 1 its training has got stuck there, and the weights of an earlier
# epoch were kept. This is one more reason to start from ImageNet's weights and to train cross-entropy to convergence
# first, and why the comparison above is one of beginnings, not of losses. With few cases the permutation test is the
# safer one:

# %%
print(coins.notes[0] if coins.notes else "40 cases or more: no note.")

# %% [markdown]
# ## Beside the paper
#
# **Predict.** The paper starts from ImageNet's weights and trains cross-entropy to convergence. Is cross-entropy below
# 0.1 there, too? By how much does soft Dice lead?

# %% tags=["varies"]
paper = {loss: published.published_mean("dice", "po18", loss)[0] for loss in recipe.losses}
pd.DataFrame({"here": coins.means, "the paper": paper}).round(3)

# %%
assert paper == {"CE": 0.635, "sDice": 0.656}

# %% [markdown]
# 0.635 and 0.656, from ImageNet's weights, on 1166 pictures of 384 by 288.
#
# ## What this does and does not show
#
# What DeepLab is made of, and that the same two lines train it as train a U-Net. The scores are those of a network that
# has hardly begun: they say nothing about polyps, little about losses. On the paper's scale, with a GPU:
# `kerasmetricloss run table2 --dataset po18 --root FOLDER --out STUDY --scale paper`.
#
# ## Exercise
#
# DeepLab's other head looks through four dilations at once, 6, 12, 18 and 24. How many weights has it, and how large
# should a picture be for the widest of them to make sense?
#
# <details>
# <summary>Solution</summary>
#
# ```python
# print(f"{models.deeplab_vgg16(head='aspp').count_params():,}")  # 37,795,652
# ```
#
# A dilation of 24 at an eighth of the resolution reaches 192 pixels to each side. In a picture below 385 pixels a side
# there is no place from which both sides lie inside: of the nine weights a whole row or column looks at zeros. At 384
# by 288 that is everywhere so.
#
# </details>
