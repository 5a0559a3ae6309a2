# %% [markdown]
# # 3 · From score to loss
#
# A network learns by slopes: change each output a little and see whether the loss falls. A score of masks has no
# slopes. This notebook turns the scores of notebook 1 into losses that have them (Eqs. 11 to 14), and looks at what the
# slopes ask for.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

from kerasmetricloss import CrossEntropy, SoftDice, SoftJaccard, SoftTversky
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.reports.style import loss_lines
from kerasmetricloss.reports.theory_figures import loss_surfaces
from kerasmetricloss.similarities import dice
from kerasmetricloss.theory import SURFACE_LOSSES, two_pixel_loss, two_pixel_surface

plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## A score has steps where a loss needs slopes
#
# Four pixels, two of them foreground. Three outputs stay, the output of one foreground pixel moves from 0 to 1.
#
# **Predict.** Draw the Dice score of the mask (outputs above 0.5) over that output, and one minus the soft Dice loss.

# %%
output = np.linspace(0, 1, 201)
truth = np.tile([1.0, 1.0, 0.0, 0.0], (201, 1))[..., None]
outputs = np.tile([0.8, 0.0, 0.3, 0.1], (201, 1))[..., None]
outputs[:, 1, 0] = output

# %%
hard = np.array(dice(truth, (outputs > 0.5).astype(float))).ravel()
soft = 1 - np.array(SoftDice(reduction=None)(truth, outputs))

# %%
plt.figure(figsize=(4.8, 3.2))
plt.plot(output, hard, color="#1b1f24", linestyle="--", label="Dice score of the mask")
plt.plot(output, soft, color="#0072b2", label="1 − soft Dice loss")
plt.gca().set(xlabel="output of one foreground pixel", ylabel="score", ylim=(0, 1.05))
plt.legend(loc="lower right")
plt.show()

# %% [markdown]
# *The dashed line is flat, jumps at 0.5 and is flat again. The solid line rises all the way.*
#
# The score jumps from 0.667 to 1 and has slope 0 everywhere else. The soft score rises from 0.5 to 0.857, so each
# step towards the truth pays.

# %%
assert (round(hard[0], 3), hard[-1]) == (0.667, 1)
assert (round(float(soft[0]), 3), round(float(soft[-1]), 3)) == (0.5, 0.857)

# %% [markdown]
# ## Soft counts
#
# The trick is to write each count as a sum of products, which outputs between 0 and 1 can enter too (Eqs. 11 to 14):
#
# | count | of masks | of outputs |
# |---|---|---|
# | in both | $\lvert y \cap \tilde y\rvert$ | $\langle y, \tilde y\rangle = \sum_i y_i\,\tilde y_i$ |
# | predicted | $\lvert\tilde y\rvert$ | $\sum_i \tilde y_i$ (L1), or $\sum_i \tilde y_i^2$ (L2) |
# | true | $\lvert y\rvert$ | $\sum_i y_i$ |
#
# **Predict.** Three pixels, truth 1, 1, 0 and outputs 0.5, 1, 0.5. The three sums are 1.5, 2 and 2. What is soft Dice
# with the sum, $1 - 2 \cdot 1.5 / (2 + 2)$, and with the squares?

# %%
y, p = np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.5], [1.0], [0.5]]])
losses = {"L1": SoftDice(), "L2": SoftDice(norm=2), "Jaccard": SoftJaccard()}
losses["Tversky"] = SoftTversky(alpha=0.9, beta=0.1)
values = {name: round(float(loss(y, p)), 3) for name, loss in losses.items()}
print(values)

# %% [markdown]
# 0.25 with the sum (L1). With squares (L2) the two outputs of 0.5 count a quarter each, so the prediction has size 1.5
# and the loss is 0.143. Soft Jaccard is 0.4, and Tversky with prices 0.9 and 0.1 again 0.25: the soft false
# positives and false negatives are 0.5 each.

# %%
assert values == {"L1": 0.25, "L2": 0.143, "Jaccard": 0.4, "Tversky": 0.25}

# %% [markdown]
# On masks nothing changes, as $0^2 = 0$ and $1^2 = 1$. Every pair of masks of four pixels says so:

# %%
masks = (np.arange(16)[:, None] >> np.arange(4)) & 1
left, right = (m.reshape(-1, 4, 1).astype(float) for m in (np.repeat(masks, 16, axis=0), np.tile(masks, (16, 1))))
for loss in (SoftDice(reduction=None), SoftDice(norm=2, reduction=None)):
    np.testing.assert_allclose(loss(left, right), 1 - np.array(dice(left, right)).ravel(), atol=1e-6)

# %% [markdown]
# ## L1 against L2 (Fig. 2)
#
# Between the masks the two forms part. Two pixels are enough to see it: the floor of each picture is the square of all
# outputs of two pixels, the height is the loss, the red dots are the discrete loss at the four masks.
#
# **Predict.** Both forms are 0 at the truth. Around it, which is a sharp corner and which a flat floor?

# %%
Image(loss_surfaces(), width=860)

# %% [markdown]
# *Six surfaces, a row for each truth. All pass through the red dots. The L2 form (middle) is flat around the truth; L1
# soft Dice and soft Jaccard meet it at an angle.*
#
# As numbers: the slope of the loss at the truth $[1, 0]$, along an edge of the square.

# %%
slopes = {loss: round(two_pixel_surface(loss, (1, 0)).slope_at_truth(), 3) for loss in SURFACE_LOSSES}
print(slopes)
assert slopes["sDice-L1"] == 0.5
assert slopes["sDice-L2"] == 0

# %% [markdown]
# 0.5 and 0. An output of 0.9 instead of 1 costs L1 something, and L2 next to nothing. Does that matter? It does where
# the truth is uncertain.
#
# ## What to answer when you do not know
#
# One pixel is foreground for sure. The other is foreground in a share $q$ of the images that look the same. Which
# output makes the mean loss smallest?
#
# **Predict.** Cross-entropy answers $q$ itself. What do L1 and L2 answer at $q = 0.4$?

# %%
answers, shares = np.linspace(0, 1, 501), np.linspace(0, 1, 101)
best = {}
for loss in ("sDice-L1", "sDice-L2"):
    if_present, if_absent = (two_pixel_loss(loss, (1, second), np.ones(501), answers) for second in (1, 0))
    mean = shares[:, None] * if_present + (1 - shares[:, None]) * if_absent
    best[loss] = answers[mean.argmin(axis=1)]

# %%
plt.figure(figsize=(4.8, 3.4))
plt.plot(shares, shares, color="#1b1f24", linestyle=":", label="cross-entropy")
plt.plot(shares, best["sDice-L1"], color="#0072b2", label="soft Dice, L1")
plt.plot(shares, best["sDice-L2"], color="#56b4e9", linestyle="--", label="soft Dice, L2")
plt.gca().set(xlabel="share q of images where it is foreground", ylabel="best output")
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# *Cross-entropy is the diagonal. L1 is a step from 0 to 1. L2 is a bent curve near the diagonal, with no step.*
#
# At $q = 0.4$: cross-entropy 0.4, L1 a plain 0, L2 0.34. L1 answers with a mask. L2 hedges, as the paper suspects ("do
# not favour integer solutions", Sec. IV-A). In its Table I, L1 is significantly better on three of seven data sets and
# worse on none. `SoftDice()` is L1, `SoftDice(norm=2)` is Eq. 12.

# %%
at = np.argmin(abs(shares - 0.4))
print({loss: round(float(answer[at]), 2) for loss, answer in best.items()})
assert best["sDice-L1"][at] == 0
assert round(float(best["sDice-L2"][at]), 2) == 0.34
assert set(best["sDice-L1"]) == {0.0, 1.0}

# %% [markdown]
# ## What the slopes ask of each pixel
#
# A network hears the slope of the loss at each output. Let us measure it by moving one output at a time, all of them
# in one batch: image $i$ has pixel $i$ moved.


# %%
def slope_at_each_pixel(loss, y, p, step=0.01):
    moves = step * np.eye(len(p))
    truths = np.tile(y, (len(p), 1))[..., None]
    up, down = (np.array(loss(truths, (p + sign * moves)[..., None])) for sign in (1, -1))
    return (up - down) / (2 * step)


# %% [markdown]
# 200 pixels with random outputs, 40 of them foreground.
#
# **Predict.** For cross-entropy the slope of a pixel depends on that pixel's output: the worse, the steeper. On what
# does it depend for soft Dice?

# %%
rng = np.random.default_rng(0)
y = (np.arange(200) < 40).astype(float)
p = rng.uniform(0.05, 0.95, 200)
slope = {
    name: slope_at_each_pixel(loss(reduction=None), y, p) for name, loss in [("CE", CrossEntropy), ("sDice", SoftDice)]
}

# %%
figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.2), sharex=True, layout="constrained")
for axes, (name, values) in zip(panels, slope.items(), strict=True):
    color = loss_lines([name])[name].color
    axes.plot(p[y == 1], values[y == 1], "o", color=color, markersize=4, label="foreground")
    axes.plot(p[y == 0], values[y == 0], "o", color=color, markersize=4, fillstyle="none", label="background")
    axes.set(title=name, xlabel="output of the pixel", ylabel="slope")
panels[0].legend()
plt.show()

# %% [markdown]
# *Left, cross-entropy: two curves that grow towards the wrong side. Right, soft Dice: two horizontal lines, foreground
# below zero, background just above.*
#
# On nothing but its class. With $I$, $P$ and $Y$ the soft counts, the slope of Eq. 11 is
#
# $$-\frac{2}{Y+P} + \frac{2I}{(Y+P)^2}\ \text{ in the foreground}, \quad
# \frac{2I}{(Y+P)^2}\ \text{ in the background.}$$
#
# Soft Dice does not ask how wrong a pixel is but how wrong the image is. And the pull grows as the object shrinks: $Y +
# P$ stands below. For cross-entropy each pixel has a share of $1/d$, however small the object.

# %%
i, both = y @ p, y.sum() + p.sum()
np.testing.assert_allclose(slope["sDice"][y == 1], -2 / both + 2 * i / both**2, atol=1e-4)
np.testing.assert_allclose(slope["sDice"][y == 0], 2 * i / both**2, atol=1e-4)
np.testing.assert_allclose(slope["CE"][y == 1], -1 / p[y == 1] / 200, rtol=0.05)

# %% [markdown]
# ## An image without the object
#
# **Predict.** The truth is empty. What is the soft Dice loss of outputs of 0.2 everywhere, and of 0.02? What slope do
# they hear?

# %%
empty = np.zeros(200)
for level in (0.2, 0.02):
    here = np.full(200, level)
    loss = float(SoftDice()(empty[None, :, None], here[None, :, None]))
    heard = slope_at_each_pixel(SoftDice(reduction=None), empty, here)
    print(f"outputs {level}: loss {loss}, steepest slope {abs(heard).max()}")

# %% [markdown]
# The loss is 1 and the slope 0, whatever the outputs: such an image teaches nothing (its L1 soft Dice is $1 - 0/P$). If
# many of your images are empty, let the sums run over the batch, `pool="batch"`, or add `smooth_nr` and `smooth_dr` of
# about the volume of your structure. The docstring of `SoftDice` names the source.

# %%
smooth = SoftDice(smooth_nr=40, smooth_dr=40, reduction=None)
assert abs(slope_at_each_pixel(SoftDice(reduction=None), empty, here)).max() == 0
assert slope_at_each_pixel(smooth, empty, here).min() > 0

# %% [markdown]
# ## Exercise
#
# Measure the slopes of `SoftJaccard` on the 200 pixels. Divide the slope in the foreground by the slope in the
# background, for soft Dice and for soft Jaccard. What do you find, and what does it mean for training?
#
# <details>
# <summary>Solution</summary>
#
# ```python
# for loss in (SoftDice, SoftJaccard):
#     heard = slope_at_each_pixel(loss(reduction=None), y, p)
#     print(heard[y == 1].mean() / heard[y == 0].mean())
# ```
#
# The same number for both, $-1/J$ with $J = I / (Y + P - I)$. Soft Jaccard is the function $D/(2-D)$ of soft Dice, so
# for one image its gradient points in the same direction and differs in length only (over a batch the lengths weigh
# images otherwise). One reason more to expect what Prop. II.1 lets expect, and the paper finds: no difference between
# the two (Table II). And the ratio says what they ask for: while the overlap is poor, one pixel of
# foreground pulls as hard as many of background.
#
# </details>
