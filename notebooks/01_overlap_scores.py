# %% [markdown]
# # 1 · Overlap scores by hand
#
# A network drew a mask, an expert drew another. How alike are they? This notebook counts pixels until every score of
# the paper ([arXiv 2010.13499](https://arxiv.org/abs/2010.13499), Eqs. 2 to 7) is a number that you found yourself.
#
# You need arithmetic, no network and no data. Each section asks for a guess first: say a number aloud, then run the
# cell.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

from kerasmetricloss.reports.agreement import agreement
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.similarities import dice, ratios

plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## Four counts are all there is
#
# An image of 6 by 8 pixels. The truth $y$ is a rectangle of 3 by 4. The prediction $\tilde y$ is the same rectangle,
# one pixel too low and one too far right.

# %%
truth = np.zeros((6, 8), int)
truth[1:4, 2:6] = 1
moved = np.roll(truth, (1, 1), axis=(0, 1))

# %% [markdown]
# **Predict.** Each mask has 12 pixels. How many of them are in both? One pixel off in each direction sounds like
# little.

# %%
Image(agreement({"moved by one pixel, down and right": (truth, moved)}), width=560)

# %% [markdown]
# *Dark: in both masks. Light blue: missed by the prediction. Orange: invented by it. The rest is background in both.*
#
# Half of the object is gone: 6 true positives (TP), 6 false positives (FP), 6 false negatives (FN), and 30 true
# negatives (TN).

# %%
tp = np.sum(truth & moved)
fp, fn = np.sum(moved) - tp, np.sum(truth) - tp
tn = truth.size - tp - fp - fn
assert (tp, fp, fn, tn) == (6, 6, 6, 30)

# %% [markdown]
# The paper writes the same with sets: $|y \cap \tilde y|$ is TP, $|\tilde y \setminus y|$ is FP, $|y \setminus
# \tilde y|$ is FN. Every score below is a ratio of such counts. None of them sees where a pixel lies.
#
# ## Dice and Jaccard
#
# The **Dice score** (Eq. 2) is twice the common part over the sum of both sizes. The **Jaccard index** (Eq. 3) is the
# common part over the union:
#
# $$D = \frac{2\,|y \cap \tilde y|}{|y| + |\tilde y|} \qquad\qquad J = \frac{|y \cap \tilde y|}{|y \cup \tilde y|}$$
#
# **Predict.** Half of each mask is right. Which of the two scores is 1/2, and is the other higher or lower?

# %%
d = 2 * tp / (12 + 12)
j = tp / (tp + fp + fn)
print(f"Dice {d:.3f}, Jaccard {j:.3f}")

# %% [markdown]
# Dice is 0.5, Jaccard 0.333: six of eighteen pixels. `ratios` holds the same formulas; it takes the intersection and
# the two sizes.

# %%
assert d == ratios.dice(6, 12, 12) == 0.5
assert j == ratios.jaccard(6, 12, 12) == 1 / 3

# %% [markdown]
# ## Accuracy
#
# The **Hamming similarity** (Eq. 4), which most people call accuracy, asks every pixel of the image, background
# included. With $d$ pixels:
#
# $$H = 1 - \frac{|y \setminus \tilde y| + |\tilde y \setminus y|}{d}$$
#
# **Predict.** Half of the object is missed. What does accuracy say?

# %%
accuracy = 1 - (fn + fp) / truth.size
assert accuracy == ratios.hamming(6, 12, 12, 48) == 0.75
print(f"accuracy {accuracy}")

# %% [markdown]
# 0.75, for 30 pixels of background count as right. Let the image grow and the object stay: accuracy goes to 1, Dice
# stays 0.5. One may hope to cure that with weights. The **weighted Hamming similarity** (Eq. 5) gives the missed share
# of the foreground the weight $\gamma$ and the wrong share of the background the rest:
#
# $$H_\gamma = 1 - \gamma\,\frac{|y \setminus \tilde y|}{|y|} - (1-\gamma)\,\frac{|\tilde y \setminus y|}{d - |y|}$$
#
# **Predict.** With $\gamma = 1/2$, is it nearer to accuracy or to Dice?

# %%
balanced = 1 - 0.5 * 6 / 12 - 0.5 * 6 / 36
assert np.isclose(balanced, ratios.weighted_hamming(6, 12, 12, 48, gamma=0.5))
print(f"weighted Hamming, gamma 0.5: {balanced:.3f}")

# %% [markdown]
# 0.667, between the two, and nearer to accuracy. With $\gamma = |y|/d$, here 12/48, it is accuracy itself. Notebook 2
# asks whether any $\gamma$ gives Dice.

# %%
assert ratios.weighted_hamming(6, 12, 12, 48, gamma=12 / 48) == accuracy

# %% [markdown]
# ## Tversky: which mistake costs more?
#
# The **Tversky index** (Eq. 6) has a price for each kind of mistake: $\alpha$ for false **positives**, $\beta$ for
# false **negatives**.
#
# $$T_{\alpha,\beta} = \frac{|y \cap \tilde y|}{|y \cap \tilde y| + \alpha\,|\tilde y \setminus y| + \beta\,|y \setminus
# \tilde y|}$$
#
# Now one prediction draws too little and one too much.

# %%
small, large = truth.copy(), truth.copy()
small[:, 4:] = 0
large[1:4, 6:8] = large[4, 2:8] = 1
Image(agreement({"too little": (truth, small), "too much": (truth, large)}), width=720)

# %% [markdown]
# *Left: 6 pixels found, 6 missed, none invented. Right: all 12 found, 12 invented.*
#
# **Predict.** With $\alpha = 0.3$, $\beta = 0.7$, misses cost more. Which of the two drawings wins? And with the
# prices exchanged? Their Dice scores are equal.

# %%
for name, mask in {"too little": small, "too much": large}.items():
    counts = np.sum(truth & mask), np.sum(mask), np.sum(truth)
    misses, alarms = (ratios.tversky(*counts, alpha=a, beta=b) for a, b in [(0.3, 0.7), (0.7, 0.3)])
    print(f"{name:10}  Dice {ratios.dice(*counts):.3f}  T(0.3, 0.7) {misses:.3f}  T(0.7, 0.3) {alarms:.3f}")

# %% [markdown]
# Both have Dice 0.667. Where misses are dear the generous drawing wins, 0.769 to 0.588; where alarms are dear the
# strict one wins with the same two numbers. Prices of 1/2 and 1/2 give Dice, 1 and 1 give Jaccard: one formula for
# all.

# %%
assert [round(ratios.tversky(6, 6, 12, alpha=a, beta=1 - a), 3) for a in (0.3, 0.5, 0.7)] == [0.588, 0.667, 0.769]
assert [round(ratios.tversky(12, 24, 12, alpha=a, beta=1 - a), 3) for a in (0.3, 0.5, 0.7)] == [0.769, 0.667, 0.588]
assert ratios.tversky(6, 6, 12, alpha=1, beta=1) == ratios.jaccard(6, 6, 12)

# %% [markdown]
# ## Two scores, one ranking
#
# Jaccard is a function of Dice (Eq. 7), $J = D / (2 - D)$, and it grows with it. So on a single image the two never
# disagree about which of two masks is better.
#
# **Predict.** How far can they be apart, and at which Dice score?

# %%
scores = np.linspace(0, 1, 1001)
gap = scores - scores / (2 - scores)
widest = scores[gap.argmax()]
print(f"widest gap {gap.max():.4f}, at Dice {widest:.3f}")

# %%
plt.figure(figsize=(4.6, 3.4))
plt.plot(scores, scores / (2 - scores), color="#d55e00", label="Jaccard, D / (2 − D)")
plt.plot(scores, scores, color="#0072b2", linestyle="--", label="Dice itself")
plt.vlines(widest, widest - gap.max(), widest, color="#1b1f24", label="widest gap")
plt.gca().set(xlabel="Dice score", ylabel="score", title="Jaccard is never above Dice")
plt.legend()
plt.show()
# %% [markdown]
# *The solid curve hangs below the dashed line and meets it at 0 and 1. The vertical bar marks the widest gap.*
#
# 0.1716 at a Dice score of 0.586, which is $2 - \sqrt 2$: Prop. II.1, which notebook 2 checks by counting.

# %%
assert round(gap.max(), 4) == 0.1716 == round(3 - 2 * np.sqrt(2), 4)
assert round(widest, 3) == 0.586 == round(2 - np.sqrt(2), 3)

# %% [markdown]
# ## The same mistake on small and large objects
#
# Squares of side 2 to 40 in an image of 64 by 96 pixels, each predicted one pixel off, down and right as above.
#
# **Predict.** Accuracy asks all 6144 pixels. Does it find the slip on the smallest square better or worse than on the
# largest? And Dice?

# %%
sides = np.arange(2, 41)
common = (sides - 1) ** 2
dices = ratios.dice(common, sides**2, sides**2)
accuracies = ratios.hamming(common, sides**2, sides**2, 64 * 96)

# %%
plt.figure(figsize=(4.6, 3.4))
plt.plot(sides, accuracies, color="#1b1f24", linestyle="--", label="accuracy")
plt.plot(sides, dices, color="#0072b2", label="Dice")
plt.gca().set(xlabel="side of the square (pixels)", ylabel="score", ylim=(0, 1.04), title="One pixel off")
plt.legend(loc="center right")
plt.show()
# %% [markdown]
# *Accuracy is a flat line near 1 that even falls a little; Dice climbs steeply from the left.*
#
# The square of side 2 loses three of its four pixels: Dice 0.25, accuracy 0.999. The square of side 40 is nearly
# right: Dice 0.951, accuracy 0.974. Accuracy ranks them the wrong way round. This is why small lesions are scored with
# Dice.

# %%
assert dices[0] == 0.25
assert round(dices[-1], 3) == 0.951
assert [round(accuracies[i], 3) for i in (0, -1)] == [0.999, 0.974]

# %% [markdown]
# ## Nothing to find
#
# **Predict.** The truth is empty. What is Dice if the prediction is empty too? And if it holds one pixel?

# %%
print(f"both empty {ratios.dice(0, 0, 0)}, one invented pixel {ratios.dice(0, 1, 0)}")
assert ratios.dice(0, 0, 0) == 1
assert ratios.dice(0, 1, 0) == 0

# %% [markdown]
# Two empty masks agree, so 0/0 counts as 1. One pixel too many and the score is 0. Whoever reports a mean over cases
# should say what empty ones count: other libraries take 0, or leave them out. Here `empty=` sets it.
#
# ## Many images at once
#
# The functions on arrays take a batch, `(batch, *space, classes)`, and give one value an image and class.
#
# **Predict.** Two images of one batch: the moved rectangle (Dice 0.5, 12 pixels of object), and a perfect square of 2
# by 2. Is the mean of their scores the score of all their pixels taken together?

# %%
square = np.zeros((6, 8), int)
square[2:4, 3:5] = 1
y_true = np.stack([truth, square])[..., None].astype(float)
y_pred = np.stack([moved, square])[..., None].astype(float)
each, pooled = np.array(dice(y_true, y_pred)).ravel(), np.array(dice(y_true, y_pred, pool="batch")).ravel()
print(f"an image: {each}, their mean {each.mean()}, pooled {pooled[0]}")

# %% [markdown]
# No. The mean over images is 0.75; pooled it is 0.625, for the larger object has more pixels. The paper, and this
# package unless told otherwise, score each image and take the mean.

# %%
assert each.tolist() == [0.5, 1.0]
assert each.mean() == 0.75
assert pooled[0] == 0.625

# %% [markdown]
# ## Exercise
#
# Find two predictions for the truth of 12 pixels with the **same accuracy** whose Dice scores differ by more than 0.1.
# Which counts may you change, and which must stay?
#
# <details>
# <summary>Solution</summary>
#
# Accuracy sees FP + FN only. Keep the sum and exchange one for the other: 8 missed and 0 invented, against 0 missed
# and 8 invented.
#
# ```python
# print(ratios.dice(4, 4, 12), ratios.dice(12, 20, 12))  # 0.5 and 0.75
# print(ratios.hamming(4, 4, 12, 48), ratios.hamming(12, 20, 12, 48))  # 0.8333 both
# ```
#
# Dice punishes the missed pixels harder: each of them leaves the numerator too. A network that is trained for accuracy
# does not care which of the two it does. Notebook 5 shows which one it chooses.
#
# </details>
