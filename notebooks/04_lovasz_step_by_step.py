# %% [markdown]
# # 4 · Lovász, step by step
#
# Soft Jaccard puts outputs into a formula for masks. The Lovász losses (Sec. II-A) go another way: they take the
# Jaccard loss at all masks as it is, and stretch it between them as tightly as a convex function can. It sounds like
# work for a computer. It is sorting and a sum.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

from kerasmetricloss import LovaszSigmoid, LovaszSoftmax, SoftJaccard
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.similarities import ratios

plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## The Jaccard loss is a function of the mistakes
#
# Fix the truth $y$, and call $M$ the set of pixels that a mask gets wrong. Truth and mask together cover
# $|y \cup M|$ pixels, and $|M|$ of them are wrong. So the Jaccard loss is
#
# $$\Delta(M) = \frac{|M|}{|y \cup M|}.$$
#
# Six pixels, the first three of them foreground.

# %%
truth = np.array([1, 1, 1, 0, 0, 0])


def jaccard_loss(mistakes):
    union = truth.sum() + np.sum(1 - truth[list(mistakes)])
    return len(mistakes) / union


# %%
for mistakes in [(), (0,), (3,), (0, 1), (0, 3), (0, 1, 2), (0, 1, 2, 3)]:
    mask = truth.copy()
    mask[list(mistakes)] ^= 1
    assert np.isclose(jaccard_loss(mistakes), 1 - ratios.jaccard(np.sum(truth & mask), mask.sum(), truth.sum()))

# %% [markdown]
# **Predict.** Missing one pixel costs 1/3. Inventing one costs 1/4. You have already invented one pixel: does missing
# pixel 0 now cost more than 1/3, less, or the same?

# %%
alone, after = jaccard_loss([0]), jaccard_loss([3, 0]) - jaccard_loss([3])
print(f"alone {alone:.3f}, after another mistake {after:.3f}")
assert (round(alone, 3), round(after, 3)) == (0.333, 0.25)

# %% [markdown]
# Less: 0.25. A mistake never costs more because others were made first. Such a function is called **submodular**, and
# for six pixels all cases can be tried: every set, every larger set, every further mistake.


# %%
pixels = frozenset(range(6))
sets = [frozenset(some) for size in range(7) for some in itertools.combinations(pixels, size)]
triples = [(few, more, x) for few in sets for more in sets if few <= more for x in pixels - more]


def is_submodular(loss):
    cost = {some: loss(sorted(some)) for some in sets}
    return all(cost[few | {x}] - cost[few] >= cost[more | {x}] - cost[more] - 1e-12 for few, more, x in triples)


assert is_submodular(jaccard_loss)

# %% [markdown]
# Submodular functions have a convex extension that is easy to compute. Lovász found it in 1983; Berman, Rannen
# Triki and Blaschko made it a loss in [2018](https://arxiv.org/abs/1705.08790).
#
# ## Step 1: errors, sorted
#
# A network's outputs are neither right nor wrong but off by $e_i = |y_i - \tilde y_i|$. Put the worst first.
#
# **Predict.** The outputs are 0.95, 0.4, 0.7 in the foreground (pixels 0 to 2) and 0.8, 0.2, 0.1 in the background
# (pixels 3 to 5). Which pixel is the worst, and which comes next?

# %%
outputs = np.array([0.95, 0.4, 0.7, 0.8, 0.2, 0.1])
errors = abs(truth - outputs)
order = np.argsort(-errors)
print("pixel", order, "\nerror", errors[order].round(2))

# %% [markdown]
# Pixel 3, background with output 0.8, is the worst. Then comes pixel 1, a foreground pixel at 0.4.
#
# ## Step 2: increments
#
# Make the mistakes in that order, one after the other, and note by how much the Jaccard loss grows each time.
#
# **Predict.** The first mistake invents a pixel, the second misses one. Which increment is larger? What is the sum of
# all six?

# %%
grown = [jaccard_loss(order[:k]) for k in range(7)]
increments = np.diff(grown)
print("Jaccard loss", np.round(grown, 3), "\nincrement", increments.round(3))

# %% [markdown]
# 0.25 each, and the sum is 1, for with all pixels wrong nothing of the object is left. Invented pixels get cheaper as
# more of the object is lost: pixel 3 cost 0.25, pixel 4 costs 0.05 and pixel 5 costs 0.033.

# %%
assert increments[:2].round(3).tolist() == [0.25, 0.25]
assert increments[3:5].round(3).tolist() == [0.05, 0.033]
assert np.isclose(increments.sum(), 1)

# %% [markdown]
# ## Step 3: a weighted sum
#
# The Lovász extension weighs each error with its increment:
#
# $$\overline\Delta(e) = \sum_k e_{(k)}\,\bigl[\Delta(\{(1), \dots, (k)\}) - \Delta(\{(1), \dots, (k-1)\})\bigr]$$
#
# That is all. `LovaszSigmoid` gives the same number.
#
# **Predict.** The three worst errors, 0.8, 0.6 and 0.3, have an increment of 0.25 each. How much of the loss is theirs,
# and can the other three add much to it?

# %%
by_hand = errors[order] @ increments
loss = float(LovaszSigmoid()(truth[None, :, None], outputs[None, :, None]))
print(f"by hand {by_hand:.4f}, the package {loss:.4f}")
assert np.isclose(by_hand, loss)

# %% [markdown]
# ## What the number is
#
# Draw each error as a bar whose width is its increment. The loss is the area.
#
# **Predict.** Cut the picture at a height $t$. The bars that reach it are the pixels with an error of at least $t$. How
# wide are they together?

# %%
plt.figure(figsize=(5.6, 3.2))
bars = plt.bar(grown[:-1], errors[order], width=increments, align="edge", color="#9fd3f2", edgecolor="#0b3c6f")
plt.bar_label(bars, labels=order, padding=2)
plt.axhline(0.5, color="#d55e00", linestyle="--", label="t = 0.5")
plt.gca().set(xlabel="Jaccard loss of the worst pixels so far", ylabel="error", ylim=(0, 1))
plt.title("The loss is the area")
plt.legend()
plt.show()

# %% [markdown]
# *Bars from high to low, each named by its pixel, side by side from 0 to 1. Two bars reach the
# dashed line: those of pixels 3 and 1.*
#
# Their width is $\Delta(\{i : e_i \ge t\})$: the Jaccard loss of the mask in which exactly those are wrong. So the
# loss is the **mean Jaccard loss over all cuts** $t$ between 0 and 1. At $t = 0.5$ the wrong pixels are those on the
# wrong side of 0.5: the Jaccard loss that you will report. The Lovász loss asks for all other cuts too.

# %%
cuts = (np.arange(10_000) + 0.5) / 10_000
mean = np.mean([jaccard_loss(np.flatnonzero(errors >= t)) for t in cuts])
assert np.isclose(mean, by_hand, atol=1e-3)
assert np.isclose(jaccard_loss(np.flatnonzero(errors >= 0.5)), 0.5)

# %% [markdown]
# ## Convex, and right at the corners
#
# Two pixels, the first foreground, the second background. Their errors fill a square; at its corners stand the masks.
#
# **Predict.** Both losses agree at the corners. Between them, one has straight contours with a corner each. Which, and
# where?

# %%
axis = np.linspace(0, 1, 61)
first, second = np.meshgrid(axis, axis, indexing="ij")
one_each = np.tile([[1.0], [0.0]], (61 * 61, 1, 1))
outputs_there = np.stack([1 - first, second], axis=-1).reshape(-1, 2, 1)
losses = {"Lovász": LovaszSigmoid(reduction=None), "sJaccard": SoftJaccard(reduction=None)}

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.6), sharey=True, layout="constrained")
for axes, (name, loss) in zip(panels, losses.items(), strict=True):
    values = np.array(loss(one_each, outputs_there)).reshape(61, 61)
    lines = axes.contour(axis, axis, values.T, levels=np.arange(0.1, 1, 0.1), colors="#0b3c6f")
    axes.clabel(lines, fontsize=7, fmt="%.1f")
    axes.set(title=name, xlabel="error of the foreground pixel", aspect="equal")
panels[0].set_ylabel("error of the background pixel")
plt.show()

# %% [markdown]
# *Left, Lovász: straight contours with one corner each, on the diagonal. Right, soft Jaccard: straight contours
# that fan out, without a corner.*
#
# The corner on the diagonal is where the order of the two errors changes. A convex function lies below its chords: at
# the middle of two points it is at most the mean of both. Ten thousand random pairs of points say which loss is.

# %%
rng = np.random.default_rng(0)
a, b = rng.uniform(size=(2, 10_000, 6))
truths, violations = np.tile(truth, (10_000, 1))[..., None].astype(float), {}
for name, loss in losses.items():
    at_a, at_b, between = (np.array(loss(truths, x[..., None])) for x in (a, b, (a + b) / 2))
    violations[name] = int(np.sum(between > (at_a + at_b) / 2 + 1e-6))
print(violations)

# %% [markdown]
# Lovász never breaks the rule, soft Jaccard thousands of times. Convex in the outputs does not mean convex in the
# network's weights, so there is no promise of a better end. The paper finds none: soft Dice, soft Jaccard and Lovász do
# not differ significantly (Table II).

# %%
assert violations["Lovász"] == 0
assert violations["sJaccard"] > 1000

# %% [markdown]
# ## What it asks of each pixel
#
# The slope of the loss in an error is its increment, so it depends on the pixel's rank, not on its error. Two
# consequences to know before you train:
#
# * With an **empty truth** the first invented pixel costs all: $\Delta$ jumps from 0 to 1 at once. Only the worst
#   pixel learns.
# * From **random weights** all errors are near 0.5 and their order is chance. `kerasmetricloss losses` says: after
#   cross-entropy, not from scratch. The paper trains with cross-entropy first.
#
# **Predict.** The truth is empty and the outputs are 0.9, 0.5, 0.1. The loss?

# %%
nothing = float(LovaszSigmoid()(np.zeros((1, 3, 1)), np.array([0.9, 0.5, 0.1])[None, :, None]))
print(f"{nothing:.1f}")
assert round(nothing, 4) == 0.9

# %% [markdown]
# ## The binned form
#
# Sorting a volume of a million voxels in every step is slow on some backends. With `bins=n` each error is rounded to
# the nearest of $n$ levels from 0 to 1, and a histogram replaces the sort. By the picture above, no bar changes
# its height by more than half the distance of two levels, so neither does the area: at most $1/n$.
#
# **Predict.** 20,000 random pixels, 10, 100 and 1000 levels. How close to the bound do the differences come?

# %%
many = rng.uniform(size=(1, 20_000, 1)) < 0.1
noisy = np.clip(many * 0.6 + rng.normal(0.2, 0.2, many.shape), 0, 1)
exact = float(LovaszSigmoid()(many.astype(float), noisy))
for bins in (10, 100, 1000):
    off = abs(float(LovaszSigmoid(bins=bins)(many.astype(float), noisy)) - exact)
    print(f"{bins:4} levels: {off:.6f} off, at most {1 / bins:.6f}")
    assert off <= 1 / bins

# %% [markdown]
# Far inside it, for roundings up and down cancel. `bins=1000` is a safe choice; None, the default, sorts.
#
# ## Several exclusive classes
#
# `LovaszSoftmax` does the same for each class against the rest and takes the mean over the classes present.
#
# **Predict.** Three pixels of three classes, and softmax outputs of 0.6, 0.68 and 0.69 for the right class. The
# truth holds all three. Each class has one pixel, so its loss is nearly the error of that pixel: 0.4, 0.32, 0.31?

# %%
labels = np.array([[0, 1, 2]])
softmax = np.array([[[0.6, 0.29, 0.11], [0.21, 0.68, 0.11], [0.12, 0.19, 0.69]]])
per_class = [float(LovaszSoftmax(include=[c])(labels, softmax)) for c in range(3)]
print(np.round(per_class, 3), "mean", round(float(LovaszSoftmax()(labels, softmax)), 3))
assert np.round(per_class, 2).tolist() == [0.4, 0.32, 0.31]

# %% [markdown]
# Exactly so: once the object's one pixel is counted as lost, inventing others costs nothing more.
#
# ## Exercise
#
# Why Jaccard and not Dice? Write `dice_loss(mistakes)` for the six pixels and ask `is_submodular`. Which two mistakes
# show the answer?
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def dice_loss(mistakes):
#     missed = int(np.sum(truth[list(mistakes)]))
#     invented = len(mistakes) - missed
#     return 1 - ratios.dice(3 - missed, 3 - missed + invented, 3)
#
# print(is_submodular(dice_loss))  # False
# print([round(float(dice_loss(m)), 2) for m in [(), (0,), (0, 1), (0, 1, 2)]])  # 0, 0.2, 0.5, 1
# ```
#
# The first missed pixel costs 0.2, the second 0.3, the third 0.5: each costs more because of the others. So the sorted
# sum would not be convex for Dice. Prop. II.1 says why Jaccard is a good stand-in.
#
# </details>
