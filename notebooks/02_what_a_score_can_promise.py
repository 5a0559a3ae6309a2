# %% [markdown]
# # 2 · What a score can promise
#
# You train with one measure and report another. When is that safe? The paper answers with three propositions. This
# notebook checks each of them on **every** pair of masks of some size, so that you need to believe nothing.
#
# It needs notebook 1's formulas and no data.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

from kerasmetricloss import theory
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.reports.theory_figures import LITERATURE, error_curves, literature_flow
from kerasmetricloss.similarities import ratios

plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## Who trains with what they are scored by?
#
# The authors read all 372 papers of MICCAI 2018 (Appendix A). 96 of them learn to segment and are scored with Dice or
# Jaccard.
#
# **Predict.** How many of those 96 train with a loss made for these scores?

# %%
Image(literature_flow(), width=760)

# %% [markdown]
# *The paper's Fig. 6 as a flow chart: from 372 papers to 103 on segmentation, to 96 scored with Dice or Jaccard. These
# part in three: metric-sensitive losses, cross-entropy, and the rest.*
#
# 28, or 29 %. The other 68 train with something else and hope that Dice follows. Does it?

# %%
scored, sensitive = LITERATURE["scored"][0], LITERATURE["sensitive"][0]
assert (scored, sensitive, scored - sensitive) == (96, 28, 68)
assert round(100 * sensitive / scored) == 29

# %% [markdown]
# ## Two kinds of promise
#
# A score $S$ is approximated by $\tilde S$ with
#
# * an **absolute** error $\varepsilon$ if $|S - \tilde S| \le \varepsilon$ for all masks (Eq. 15), and
# * a **relative** error $\varepsilon$ if neither is ever more than $1 + \varepsilon$ times the other (Eq. 16).
#
# Both are about the worst pair of masks. So let us look at all pairs: for 10 pixels there are $4^{10}$, a million.
# Scores see a pair through four counts only, and `all_counts(d)` lists every combination that $d$ pixels allow.
#
# **Predict.** How many different combinations does the million leave: hundreds of thousands, thousands, hundreds?

# %%
pairs, counts = theory.all_mask_pairs(10), theory.all_counts(10)
assert len(pairs) == 4**10 == 1_048_576
assert len(counts) == 286
assert {tuple(row) for row in np.unique(pairs, axis=0)} == {tuple(row) for row in counts}

# %% [markdown]
# Only 286. Now the scores as functions of true positives, false positives, false negatives and true negatives.


# %%
def tversky(alpha, beta):
    return lambda tp, fp, fn, tn: ratios.tversky(tp, tp + fp, tp + fn, alpha=alpha, beta=beta)


def weighted_hamming(gamma):
    return lambda tp, fp, fn, tn: ratios.weighted_hamming(tp, tp + fp, tp + fn, tp + fp + fn + tn, gamma=gamma)


dice, jaccard = tversky(0.5, 0.5), tversky(1, 1)


# %%
def accuracy(tp, fp, fn, tn):
    return (tp + tn) / (tp + fp + fn + tn)


# %% [markdown]
# ## Dice against the others, on all masks of 60 pixels
#
# **Predict.** Plot each pair of masks as a point: Dice across, another score upwards. What shape do you expect for
# Jaccard, for Tversky at (0.3, 0.7), for accuracy?

# %%
columns = theory.all_counts(60).T.astype(float)
others = {"Jaccard": jaccard, "Tversky 0.3/0.7": tversky(0.3, 0.7), "accuracy": accuracy}
figure, panels = plt.subplots(1, 3, figsize=(8.6, 3.0), sharex=True, sharey=True, layout="constrained")
for axes, (name, score) in zip(panels, others.items(), strict=True):
    axes.plot(dice(*columns), score(*columns), ".", markersize=1.6, color="#0b3c6f")
    axes.plot([0, 1], [0, 1], color="#e07b00", linestyle="--", linewidth=1.2)
    axes.set(title=name, xlabel="Dice score", aspect="equal")
plt.show()

# %% [markdown]
# *Left: a single curve below the dashed diagonal. Middle: a narrow leaf around it. Right: half of the square is
# filled, with points in the upper left corner, where accuracy is near 1 and Dice near 0.*
#
# Jaccard is one curve, Tversky a leaf, accuracy a cloud: it says little about Dice. Three pictures, three
# propositions.
#
# ## Prop. II.1: Dice and Jaccard
#
# The proposition: absolute error $3 - 2\sqrt 2 = 0.1716$, relative error 1.
#
# **Predict.** Masks of 10 pixels, then 40, then 100. Does the worst case that is found pass the bound, reach it, or
# come near it?

# %%
for pixels in (10, 40, 100):
    found = theory.worst_case(dice, jaccard, theory.all_counts(pixels))
    print(f"{pixels:3} pixels: absolute {found.absolute:.4f}, relative {found.relative:.4f}")
print("bound      absolute {:.4f}, relative {:.4f}".format(*theory.dice_jaccard_bounds()))

# %% [markdown]
# It comes near and never passes. At 100 pixels 0.1716 and 0.98. So who trains for Jaccard is sure of Dice to within
# 0.1716, and to within a factor of 2.

# %%
assert round(found.absolute, 4) == round(theory.dice_jaccard_bounds().absolute, 4) == 0.1716
assert found.absolute <= 3 - 2 * np.sqrt(2)
assert round(found.relative, 2) == 0.98

# %% [markdown]
# ## Prop. II.2: no weighting of accuracy comes near Dice
#
# The proof has a recipe: an object of $k$ pixels, found whole, among $k^2$ false positives, in an image of $k^3$ pixels
# (Eqs. 22 to 24). The object gets smaller in its image as $k$ grows.
#
# **Predict.** For $k = 30$: an object of 30 pixels, 900 invented ones, 27,000 in all. Dice? Weighted Hamming with
# $\gamma = 0$, $1/2$ and $1$?

# %%
for k in (3, 10, 30, 100):
    masks = k, k**2, 0, k**3 - k - k**2
    weighted = [float(weighted_hamming(gamma)(*masks)) for gamma in (0, 0.5, 1)]
    print(f"k {k:3}: Dice {dice(*masks):.3f}, weighted Hamming", *(f"{value:.3f}" for value in weighted))

# %% [markdown]
# At $k = 30$ Dice is 0.0625 and every weighting says 0.967 or more. As $k$ grows the one goes to 0, the others to 1:
# the absolute error is 1, which says nothing about two numbers between 0 and 1, and there is no relative error.

# %%
assert dice(30, 900, 0, 26_070) == 0.0625
assert round(weighted_hamming(0)(30, 900, 0, 26_070), 3) == 0.967
assert theory.weighted_hamming_dice_bounds() == (1.0, np.inf)

# %% [markdown]
# Perhaps a clever $\gamma$ between 0 and 1 does better? Let every $\gamma$ face all masks with something to find.
#
# **Predict.** Where is the best $\gamma$, and what happens to its error as images grow from 20 to 100 pixels?

# %%
gammas = np.linspace(0, 1, 21)
errors = {}
for pixels in (20, 50, 100):
    rows = theory.all_counts(pixels)
    rows = rows[rows[:, 0] + rows[:, 2] > 0]
    errors[pixels] = [theory.worst_case(dice, weighted_hamming(gamma), rows).absolute for gamma in gammas]

# %%
plt.figure(figsize=(5.4, 3.4))
for (pixels, worst), dash in zip(errors.items(), [":", "--", "-"], strict=True):
    plt.plot(gammas, worst, color="#1b1f24", linestyle=dash, label=f"weighted Hamming, {pixels} pixels")
plt.axhline(theory.dice_jaccard_bounds().absolute, color="#d55e00", label="Jaccard, any size")
plt.gca().set(xlabel="γ, the weight of the foreground", ylabel="worst distance to Dice", ylim=(0, 1.05))
plt.legend(fontsize=8, loc=(0.42, 0.26))
plt.show()

# %% [markdown]
# *Three valleys over γ, each higher than the one before as images grow; far below them the flat line of Jaccard.*
#
# There is a best $\gamma$ for each size, and it does not help: its error grows with the image, towards 1, and moves.
# A small $\gamma$ is fooled by a prediction that finds nothing, a large one by a prediction that invents. Cross-entropy
# stands in for accuracy, weighted cross-entropy (Eq. 10) for weighted accuracy: **no weighting of cross-entropy
# approximates Dice**. Real images have a hundred thousand pixels, not a hundred.

# %%
best = {pixels: min(worst) for pixels, worst in errors.items()}
print({pixels: round(float(error), 2) for pixels, error in best.items()})
assert 0.5 < best[20] < best[50] < best[100] < 1
assert errors[100][0] == 1

# %% [markdown]
# ## Prop. II.3: Tversky comes as near as its weights do
#
# Tversky with $\alpha = \beta = 1/2$ is Dice. The further a weight is from 1/2, the looser the bound.
#
# **Predict.** Which is further from Dice at worst: Jaccard (1, 1) or Tversky (0.3, 0.7)?

# %%
for alpha, beta in [(1, 1), (0.3, 0.7), (0.1, 0.9)]:
    bound = theory.tversky_dice_bounds(alpha, beta)
    found = theory.worst_case(dice, tversky(alpha, beta), theory.all_counts(100))
    print(f"({alpha}, {beta}): absolute at most {bound.absolute:.3f}, found {found.absolute:.3f};", end=" ")
    print(f"relative at most {bound.relative:.2f}, found {found.relative:.2f}")

# %% [markdown]
# Jaccard: 0.172 against 0.127. The mild weights are nearer to Dice than Jaccard is; (0.1, 0.9) with 0.382 is not. The
# paper's Fig. 1 draws the bounds over the weight that is farthest from 1/2:

# %%
assert [round(theory.tversky_dice_bounds(a, b).absolute, 3) for a, b in [(1, 1), (0.3, 0.7), (0.1, 0.9)]] == [
    0.172,
    0.127,
    0.382,
]
Image(error_curves(), width=760)

# %% [markdown]
# *Both errors are 0 at one half and grow to both sides; towards weight 0 the relative error has no bound. The dashed
# line is what the paper's right panel shows: it leaves out the −1 of its proposition.*
#
# ## From one image to the mean
#
# You report a mean over images. Eqs. 25 to 28 carry the bounds over: with $\phi(x) = 2x / (1+x)$,
#
# $$E[1-D] \;\le\; E[1-J] \;\le\; \phi(E[1-D]).$$
#
# **Predict.** The mean Dice of your test set is 0.8. Between what values is the mean Jaccard?

# %%
lower, upper = theory.jaccard_risk_bounds(1 - 0.8)
print(f"mean Jaccard from {1 - upper:.3f} to {1 - lower:.3f}")
assert (round(1 - upper, 3), round(1 - lower, 3)) == (0.667, 0.8)

# %% [markdown]
# Between 0.667 and 0.8. The lower end is reached when all images score the same.
#
# ## The same as a sentence
#
# `promise` knows these bounds for every loss and score of the package. On the command line it is
# `kerasmetricloss bounds --loss CE --metric dice`.
#
# **Predict.** Three pairs: soft Jaccard for Dice, weighted cross-entropy for Dice, soft Dice for $F_2$. For which of
# them is nothing promised?

# %%
for loss, metric in [("sJaccard", "dice"), ("wCE", "dice"), ("sDice", "F2.0")]:
    print(f"* {theory.promise(loss, metric).sentence}")

# %% [markdown]
# These bounds are about scores of masks. A loss is a smooth stand-in for such a score, which is notebook 3; what a
# network then makes of it is notebook 5.
#
# ## Exercise
#
# On one image Dice and Jaccard always agree about the better mask. Find two methods and two images such that the
# **mean** Dice prefers one method and the **mean** Jaccard the other.
#
# <details>
# <summary>Solution</summary>
#
# Jaccard falls faster at high scores than at low ones, so it rewards a method that is brilliant once.
#
# ```python
# steady, moody = np.array([0.8, 0.8]), np.array([0.99, 0.6])
# print(steady.mean(), moody.mean())  # Dice: 0.8 and 0.795
# print((steady / (2 - steady)).mean(), (moody / (2 - moody)).mean())  # Jaccard: 0.667 and 0.704
# ```
#
# Same images, opposite ranking. The bounds allow it: both means lie between the ends that `jaccard_risk_bounds` gives.
# So name your score before you look at the results.
#
# </details>
