# %% [markdown]
# # 5 · Why cross-entropy under-segments
#
# In the paper's Fig. 3 the networks trained with cross-entropy draw too little. They are not badly trained. This
# notebook shows that they do what they were asked to do: a calculation first, then the smallest network that shows
# it, of two weights.
#
# The argument goes beyond the paper: it is that of [Lipton, Elkan and Naryanaswamy
# (2014)](https://arxiv.org/abs/1402.1892). It needs a truth whose probabilities are known, so real data cannot be put
# here.

# %%
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

from kerasmetricloss import CrossEntropy, DiceScore, SoftDice, theory
from kerasmetricloss.datasets import load_posterior, write_phantom
from kerasmetricloss.reports.agreement import agreement
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.reports.style import loss_lines
from kerasmetricloss.similarities import ratios

plt.rcParams.update(SETTINGS | {"figure.dpi": 120})
rng = np.random.default_rng(3)

# %% [markdown]
# ## A truth that nobody can know
#
# An image has 48 spots, of equal size. Some are lesions. Each spot $j$ has a probability $p_j$ to be one, and that is
# all that the image tells: no expert and no network can know more. Most are doubtful: unlikely values are more frequent
# than likely ones.

# %%
probability = 1 - np.sqrt(rng.uniform(size=48))
drawn = rng.uniform(size=48) < probability

# %% [markdown]
# As pictures: a grid of 6 by 8 discs.

# %%
rows, columns = np.mgrid[:8, :8] - 3.5
disc = np.hypot(rows, columns) < 2.6


def as_image(spots):
    return np.kron(np.reshape(spots, (6, 8)), disc)


# %%
figure, panels = plt.subplots(1, 2, figsize=(7.4, 2.9), layout="constrained")
grids = {"probability of each spot": probability, "one truth drawn from it": drawn}
for axes, (title, spots) in zip(panels, grids.items(), strict=True):
    shown = axes.imshow(as_image(spots), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_axis_off()
figure.colorbar(shown, ax=panels, shrink=0.8)
plt.show()

# %% [markdown]
# *Left: 48 discs from black to white, most of them dark grey. Right: the lesions of one draw, white on black.*
#
# ## What cross-entropy answers
#
# Cross-entropy asks each pixel for an output $q$. For one that is foreground with probability 0.4, here is the mean
# loss over all $q$.
#
# **Predict.** Where is the smallest loss? And on which side of 0.5 is the answer?

# %%
q = np.linspace(0.001, 0.999, 999)
mean_loss = -0.4 * np.log(q) - 0.6 * np.log(1 - q)
print(f"best output {q[mean_loss.argmin()]:.3f}")
assert np.isclose(q[mean_loss.argmin()], 0.4)

# %% [markdown]
# At 0.4: the best output is the probability itself. Cut at 0.5 it becomes "no". So a perfect network marks the spots
# with $p_j > 1/2$.
#
# **Predict.** How many lesions do you expect in the image, $\sum_j p_j$? Does cross-entropy mark as many?

# %%
cross_entropy = theory.cross_entropy_set(probability)
print(f"expected {probability.sum():.1f} lesions, marked {cross_entropy.sum()}")

# %% [markdown]
# 15.7 are expected, 11 marked. Each doubtful spot is left out for a good reason of its own, and together 30 % of the
# volume is missing. **This is the under-segmentation.**

# %%
assert round(float(probability.sum()), 1) == 15.7
assert cross_entropy.sum() == 11
assert round(1 - 11 / probability.sum(), 2) == 0.3

# %% [markdown]
# ## What Dice wants
#
# Mark the spots from the likeliest down. With $s$ the marked set, the Dice score of the expected counts is
#
# $$\frac{2\,E|y \cap s|}{E|y| + |s|} = \frac{2\sum_{j \in s} p_j}{\sum_j p_j + |s|}.$$
#
# One more spot adds $2 p$ above and 1 below. The fraction grows exactly if $2p$ is larger than the fraction itself.
#
# **Predict.** So down to which probability is it worth marking, if the best reachable score is $D^*$?

# %%
best = theory.best_ratio_set(probability)
print(f"marks {best.mask.sum()} spots, down to p > {best.threshold:.3f}; reaches {best.score:.3f}")
assert np.isclose(best.threshold, best.score / 2)

# %% [markdown]
# Down to **half of the best score**: $D^* = 0.627$, so everything above 0.313. That is 22 spots instead of 11. The
# threshold would be 1/2 only if the score could be perfect. The less certain the truth, the lower the threshold.

# %%
assert (int(best.mask.sum()), round(best.score, 3), round(best.threshold, 3)) == (22, 0.627, 0.313)

# %%
cuts = np.linspace(0.01, 0.95, 400)
reached = [theory.ratio_of_expectations(probability, probability > t) for t in cuts]
by_ce = theory.ratio_of_expectations(probability, cross_entropy)

# %%
plt.figure(figsize=(5.2, 3.6))
plt.plot(cuts, reached, color="#0072b2", label="Dice of expected counts")
plt.plot(cuts, 2 * cuts, color="#8b949e", linestyle=":", label="twice the threshold")
plt.plot(best.threshold, best.score, "^", color="#0072b2", markersize=9, label="best: half of its score")
plt.plot(0.5, by_ce, "o", color="#1b1f24", label="cross-entropy: 0.5")
plt.gca().set(xlabel="threshold on the probability", ylabel="Dice", ylim=(0, 1))
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# *A staircase that rises to a peak and falls. The dotted line, twice the threshold, passes through the peak. The dot of
# cross-entropy lies to the right of it and lower.*
#
# Cross-entropy reaches 0.556. Jaccard is a growing function of Dice, so its best set is the same, and its threshold
# reads $J^*/(1+J^*)$.

# %%
jaccard = theory.best_ratio_set(probability, metric="jaccard")
assert round(by_ce, 3) == 0.556
assert (jaccard.mask == best.mask).all()
assert np.isclose(jaccard.score / (1 + jaccard.score), best.threshold)

# %% [markdown]
# ## Ratio of means, or mean of ratios?
#
# You report the mean of Dice scores (Eq. 1), and that is not the Dice of mean counts. The spots are independent here,
# so `best_expected_dice_set` can compute the mean over all $2^{48}$ truths exactly, and find the best set.
#
# **Predict.** Does it mark about as many spots as the simple rule?

# %%
exact = theory.best_expected_dice_set(probability)
print(f"best for the mean of Dice: {exact.mask.sum()} spots, mean Dice {exact.score:.3f}")
for name, spots in {"half of the best score": best.mask, "cross-entropy": cross_entropy}.items():
    print(f"{name}: {spots.sum()} spots, mean Dice {theory.expected_dice(probability, spots):.3f}")

# %% [markdown]
# 21 against 22: with many independent parts the two agree. Both reach a mean Dice of 0.623, cross-entropy 0.556.
# Further below are truths whose parts hang together, where the two differ.

# %%
assert exact.mask.sum() == 21
assert round(exact.score, 3) == 0.623
assert round(theory.expected_dice(probability, cross_entropy), 3) == 0.556

# %%
truth = as_image(drawn)
masks = {"cross-entropy": as_image(cross_entropy), "best for Dice": as_image(best.mask)}
Image(agreement({name: (truth, mask) for name, mask in masks.items()}), width=720)

# %%
for name, spots in {"cross-entropy": cross_entropy, "best for Dice": best.mask}.items():
    print(f"{name}: {(spots & drawn).sum()} of {drawn.sum()} found, {(spots & ~drawn).sum()} invented")

# %%
assert ((cross_entropy & drawn).sum(), (cross_entropy & ~drawn).sum()) == (6, 5)
assert ((best.mask & drawn).sum(), (best.mask & ~drawn).sum(), drawn.sum()) == (11, 11, 15)

# %% [markdown]
# *The truth that was drawn, against both sets. Cross-entropy (left) finds 6 of 15 lesions and invents 5; the set for
# Dice (right) finds 11 and invents 11.*
#
# ## The smallest network that shows it
#
# One convolution of one pixel, with one weight $w$ and one bias $b$: output = sigmoid($w x + b$). Its input is the
# evidence for each pixel, $x = \log \frac{p}{1-p}$, so that $w = 1$, $b = 0$ gives the probability itself. It says
# "yes" where $x > -b/w$. We can read its threshold off two numbers.
#
# 400 images with fresh spots to learn from, 400 to test.


# %%
def draw_images(number):
    spots = 1 - np.sqrt(rng.uniform(0.0001, 0.9999, (number, 48)))
    lesions = rng.uniform(size=spots.shape) < spots
    evidence = np.stack([as_image(x) for x in np.log(spots / (1 - spots))]) + np.where(np.tile(disc, (6, 8)), 0, -9)
    return evidence[..., None].astype("float32"), np.stack([as_image(x) for x in lesions])[..., None].astype("float32")


evidence, lesions = draw_images(400)
test_evidence, test_lesions = draw_images(400)

# %% [markdown]
# **Predict.** Trained with cross-entropy, where is its threshold? Trained with soft Dice, where, and what becomes of
# $w$?

# %%
networks = {}
for name, loss in {"CE": CrossEntropy(), "sDice": SoftDice()}.items():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((48, 64, 1)), keras.layers.Conv2D(1, 1, activation="sigmoid")])
    network.compile(optimizer=keras.optimizers.Adam(0.1), loss=loss)
    network.fit(evidence, lesions, batch_size=40, epochs=30, verbose=0)
    networks[name] = network

# %%
learned, thresholds = {}, {}
for name, network in networks.items():
    w, b = (float(np.ravel(weights)[0]) for weights in network.get_weights())
    learned[name], thresholds[name] = w, 1 / (1 + np.exp(b / w))
    print(f"{name:5}  w {w:.1f}  b {b:.1f}  says yes above p = {thresholds[name]:.2f}")

# %% [markdown]
# Cross-entropy finds $w$ near 1 and the threshold 0.5: it learned the probability. Soft Dice finds a threshold near
# 0.32, half of the best Dice score, and a $w$ more than three times as large: its outputs are nearly 0 or 1.

# %%
assert abs(learned["CE"] - 1) < 0.1
assert learned["sDice"] > 3 * learned["CE"]
assert abs(thresholds["CE"] - 0.5) < 0.04
assert abs(thresholds["sDice"] - 0.32) < 0.03

# %%
outputs = [network.predict(test_evidence, verbose=0) for network in networks.values()]
p = np.linspace(0.001, 0.999, 400)
along = np.log(p / (1 - p)).reshape(1, 1, -1, 1)
answers = [network.layers[-1](along) for network in networks.values()]
colors = [loss_lines([name])[name].color for name in networks]

# %%
plt.figure(figsize=(4.8, 3.0))
for answer, name, dash, color in zip(answers, networks, ["--", "-"], colors, strict=True):
    plt.plot(p, np.ravel(answer), dash, color=color, label=name)
plt.axhline(0.5, color="#8b949e", linestyle=":")
plt.gca().set(xlabel="probability of the pixel", ylabel="output", title="what the networks answer")
plt.legend()
plt.show()

# %%
plt.figure(figsize=(4.8, 2.6))
plt.hist([o[o > 0.01] for o in outputs], bins=20, color=colors, label=list(networks))
plt.gca().set(xlabel="output, where above 0.01", yticks=[], title="histogram of the outputs on test images")
plt.legend()
plt.show()

# %% [markdown]
# *Above: the output over the probability; cross-entropy is the diagonal, soft Dice a steep step at 0.31. Below:
# histogram of the outputs; cross-entropy spreads over the whole range, soft Dice stands at both ends.*
#
# That is the paper's Fig. 3 with two weights: "a wider value range" for cross-entropy, a "narrow value range close to
# 1.0" for soft Dice.
#
# **Predict.** Cut all outputs at 0.5. Which network has the better mean Dice, and which draws the right volume?

# %%
tested = {}
for name, output in zip(networks, outputs, strict=True):
    score = DiceScore()
    score.update_state(test_lesions, output)
    tested[name] = float(score.result()), np.sum(output > 0.5) / test_lesions.sum()
    print(f"{name:5}  mean Dice {tested[name][0]:.2f}, volume {tested[name][1]:.2f} of the truth's")

# %% [markdown]
# Soft Dice scores 0.64, cross-entropy 0.57. But neither draws the right volume: cross-entropy draws three quarters of
# it, soft Dice 1.4 times as much. What is best for Dice is not best for everything; where you report volumes, know
# this bias (Bertels et al., [Medical Image Analysis 2021](https://arxiv.org/abs/2211.04161)).

# %%
assert np.allclose(tested["CE"], (0.57, 0.74), atol=0.04)
assert np.allclose(tested["sDice"], (0.64, 1.40), atol=0.1)

# %% [markdown]
# ## Borders that hang together
#
# Lesions come and go on their own, but a border does not: a generous reader is generous all around. Our phantoms of
# polyps are drawn that way, and they come with all outlines that their readers might draw.

# %%
folder = tempfile.TemporaryDirectory()
root = write_phantom("po18", f"{folder.name}/po18", cases=30, seed=1, size=(128, 96))
known = [load_posterior(root, str(case)) for case in range(1, 31)]
posteriors = [case.posterior[..., 0] for case in known]


# %%
def mean_dice(case, mask):
    outlines = case.outlines[..., 0]
    scores = [ratios.dice(np.sum(outline & mask), mask.sum(), outline.sum()) for outline in outlines]
    return float(np.dot(case.probabilities, scores))


# %% [markdown]
# Three decisions for each phantom: cross-entropy at 0.5; weighted cross-entropy with the paper's balancing weights,
# whose threshold is the share $\pi$ of foreground; and half of the best Dice.
#
# **Predict.** Which draws too little, which too much, and by how much does the mean Dice differ?

# %%
prior = np.mean(posteriors)
decide = {
    "CE": theory.cross_entropy_set,
    "wCE": lambda p: theory.cross_entropy_set(p, foreground=1 / (2 * prior), background=1 / (2 - 2 * prior)),
    "D*/2": lambda p: theory.best_ratio_set(p).mask,
}

# %%
volume, score = {}, {}
for name, rule in decide.items():
    marked = [rule(p) for p in posteriors]
    volume[name] = np.mean([mask.sum() / p.sum() for mask, p in zip(marked, posteriors, strict=True)])
    score[name] = np.mean([mean_dice(case, mask) for case, mask in zip(known, marked, strict=True)])
    print(f"{name:5} volume {volume[name]:.2f} of the expected, mean Dice {score[name]:.4f}")

# %% [markdown]
# Cross-entropy draws 0.88 of the expected volume, weighted cross-entropy 1.84, and half of the best Dice 1.05. But
# the gain in Dice over plain cross-entropy is tiny here, 0.804 against 0.800: each phantom's own border is uncertain
# by a few pixels only. The paper's tasks, and a network that sees through noise, leave more doubt.
#
# And where voxels hang together, half of the best score is only an approximation of the best for the **mean of
# Dice**: for these phantoms the exact one lies between it and 0.5, on average.

# %%
levels = [np.unique(p)[:-1] for p in posteriors]
exact = [t[np.argmax([mean_dice(k, p > c) for c in t])] for k, p, t in zip(known, posteriors, levels, strict=True)]
half = [theory.best_ratio_set(p).threshold for p in posteriors]
print(f"half of the best score {np.mean(half):.2f}, exact threshold {np.mean(exact):.2f}")

# %%
assert [round(float(v), 2) for v in volume.values()] == [0.88, 1.84, 1.05]
assert [round(score[name], 3) for name in ("CE", "D*/2")] == [0.8, 0.804]
assert np.mean(half) < np.mean(exact) < 0.5

# %% [markdown]
# ## So weigh cross-entropy?
#
# A weight moves the threshold to $w_0 / (w_0 + w_1)$. For one image there is a weight that gives $D^*/2$. But $D^*$
# is a property of each image, and of how much the network can see in it.
#
# **Predict.** Below is $D^*/2$ for 200 images of spots and for the 30 phantom polyps. Do they make one heap
# or two? And does the threshold of plain cross-entropy lie in it?

# %%
many = [1 - np.sqrt(rng.uniform(size=48)) for _ in range(200)]
doubtful = [theory.best_ratio_set(p).threshold for p in many]

# %%
plt.figure(figsize=(5.2, 2.8))
look = {"density": True, "color": ["#0b3c6f", "#e8a04a"], "label": ["spots", "phantom polyps"]}
plt.hist([doubtful, half], bins=np.arange(0.2, 0.52, 0.02), **look)
plt.axvline(0.5, color="#1b1f24", linestyle="--", label="cross-entropy")
plt.gca().set(xlabel="half of the best score of an image", yticks=[])
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# *Two heaps of thresholds, one an image: the spots around 0.3, the polyps around 0.4, neither at the dashed line of
# 0.5.*
#
# No single weight serves all images, and the right one is not known before training: Prop. II.2 once more. A loss
# that is made for Dice finds the threshold by itself.
#
# ## Exercise
#
# Take the network trained with cross-entropy and cut its output at 0.32 instead of 0.5 (`DiceScore(threshold=0.32)`).
# Does it reach soft Dice? When would you not do that?
#
# <details>
# <summary>Solution</summary>
#
# ```python
# lowered = DiceScore(threshold=0.32)
# lowered.update_state(test_lesions, outputs[0])
# print(float(lowered.result()))
# ```
#
# It does: this network knows the probability exactly, and all that was wrong was the threshold. Before you do so on
# real data, think of three things. The threshold has to be found on validation cases. It is one number for all images
# and all sizes, where each image has its own. And a network of finite size spends its capacity where the loss tells
# it to: with cross-entropy that is the many background pixels.
#
# </details>
