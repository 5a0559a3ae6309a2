# %% [markdown]
# # 30 · Is the difference real?
#
# One loss scores 0.62, another 0.58. Would they again, on other patients? This notebook goes through the test behind
# the grey and italic cells of the paper's tables (Sec. III-C), finds how often it is wrong, and asks how many cases
# are enough.
#
# No network is trained here. Scores are **simulated**, so that we know which differences are real. To look at the
# scores of a study of yours, set the path and run everything again: the first half reads them.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image
from scipy import stats

from kerasmetricloss import statistics
from kerasmetricloss.reports.canvas import SETTINGS
from kerasmetricloss.reports.figures import box_plots
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.statistics.bootstrap import bootstrap_means

SCORES = None  # path of a study's scores.parquet; None simulates scores
LABEL = None  # which of its labels, or "All" for their mean; None where there is one
plt.rcParams.update(SETTINGS | {"figure.dpi": 120})

# %% [markdown]
# ## Forty-three patients, two losses
#
# As many as IS17 has. Some patients are hard and some are easy, for every network: that is the first line. The second
# loss gains 0.03 a case on average, give or take 0.06: the second line. So the truth is known. The difference is real.

# %%
rng = np.random.default_rng(7)
hard_or_easy = rng.beta(4, 3, 43)
gained = 0.03 + 0.06 * rng.standard_normal(43)
scores = pd.DataFrame({"CE": hard_or_easy, "sDice": (hard_or_easy + gained).clip(0, 1)})

# %% [markdown]
# A score table has one row a case and metric, and says which network scored it. A study writes the same.

# %%
common = {"dataset": "simulated", "model": "none", "seed": 0, "fold": 0, "label": "object", "metric": "dice"}
rows = [
    common | {"loss": loss, "case": str(case), "group": str(case), "value": value}
    for (case, loss), value in scores.stack().items()
]
table = ScoreTable.from_rows(rows) if SCORES is None else ScoreTable.read(Path(SCORES))
table.frame.head(3)

# %% [markdown]
# **Predict.** The two rows below are the scores of the same 43 cases. From the boxes alone, would you call the second
# loss better?

# %%
dataset = table.datasets[0]
scores = table.values(dataset=dataset, metric="dice", label=LABEL)
scores = scores[scores.columns[:2]].dropna()  # two losses, on the cases that both have
Image(box_plots({dataset: {"Dice": scores}}), width=560)

# %% [markdown]
# *Two wide boxes that cover nearly the same range; the second is a little farther right. Diamonds are means.*
#
# The boxes overlap almost wholly. A test that takes the two rows for two groups of strangers, as the usual t-test
# does, sees nothing.

# %%
first, second = scores.columns
strangers = stats.ttest_ind(scores[second], scores[first], alternative="greater")
print(f"means {scores[first].mean():.3f} and {scores[second].mean():.3f}; p of strangers {strangers.pvalue:.3f}")

# %%
if SCORES is None:
    assert scores.mean().round(3).tolist() == [0.582, 0.617]
    assert round(strangers.pvalue, 3) == 0.152

# %% [markdown]
# Means of 0.582 and 0.617, and p = 0.152. But they are no strangers: both networks saw the same patient.
#
# ## Pairs
#
# **Predict.** Subtract case by case. The scores spread by 0.16 about their means. By how much do the differences?

# %%
differences = (scores[second] - scores[first]).to_numpy()
print(f"spread of the scores {scores[first].std():.3f}, of the differences {differences.std(ddof=1):.3f}")

# %%
order = np.argsort(scores[first].to_numpy())
plt.figure(figsize=(6.4, 2.8))
plt.vlines(range(len(order)), 0, differences[order], color=np.where(differences[order] > 0, "#0072b2", "#d55e00"))
plt.axhline(differences.mean(), color="#1b1f24", linestyle="--", label="mean difference")
plt.gca().set(xlabel="case, from hard to easy", ylabel=f"Dice of {second} − {first}", title="What pairing shows")
plt.legend(loc="lower left")
plt.show()

# %% [markdown]
# *A stem a case. Most stand above zero; the dashed mean lies well above it.*
#
# Hard and easy has cancelled: the spread falls from 0.160 to 0.057.

# %%
if SCORES is None:
    assert round(scores[first].std(), 3) == 0.16
    assert round(differences.std(ddof=1), 3) == 0.057

# %% [markdown]
# ## The bootstrap
#
# Other patients cannot be had. So draw 43 cases *out of these 43, with replacement*, take the mean difference, and do
# it 10,000 times. The share of draws in which the mean is not above zero is the paper's p, as we read it.
#
# **Predict.** Where will the heap of means lie, and how much of it left of zero?

# %%
means = bootstrap_means(differences[:, None], resamples=10_000)[:, 0]
p = np.mean(means <= 0)
low, high = np.quantile(means, [0.025, 0.975])
print(f"p {f'= {p:.4f}' if p else '< 0.0001'}, 95% interval {low:+.3f} to {high:+.3f}")

# %%
plt.figure(figsize=(5.6, 2.8))
plt.hist(means, bins=60, color="#9ac3de")
plt.axvline(0, color="#d55e00", linewidth=2, label="no difference")
for end in (low, high):
    plt.axvline(end, color="#1b1f24", linestyle="--")
plt.gca().set(xlabel="mean difference of a resample (dashed: 95% interval)", ylabel="resamples")
plt.legend()
plt.show()

# %% [markdown]
# *A bell between the dashed ends; the line of no difference stands left of nearly all of it.*
#
# The interval runs from +0.018 to +0.052. The true gain, 0.03, is inside. `compare` does this for every pair of losses
# of a table, with the same seed and so the same numbers.

# %%
found = statistics.compare(table, dataset=dataset, metric="dice", label=LABEL)
assert found.superior.loc[second, first] == p
if SCORES is None:
    assert p < 0.001
    assert (round(low, 3), round(high, 3)) == (0.018, 0.052)
    assert low < 0.03 < high

# %% [markdown]
# ## The permutation test
#
# Another question about the same pairs. If the losses were equal, it would be a coin's choice which of the two scores
# of a case bears which name. Toss 43 coins, exchange where they fall heads, take the mean, 100,000 times. How often is
# it as large as the one we saw?
#
# **Predict.** Nearly the same p, or a very different one?

# %%
coins = statistics.compare(table, dataset=dataset, metric="dice", label=LABEL, method="permutation")
print(f"bootstrap {p:.4f}, permutation {coins.superior.loc[second, first]:.4f}")

# %%
if SCORES is None:
    assert coins.superior.loc[second, first] < 0.001

# %% [markdown]
# Both are below 0.001: the difference that pairing laid bare is no accident, whichever way one asks. The challenges'
# own text describes the permutation; the paper's word is bootstrapping, and it is the default here. With 43 cases it
# hardly matters. With few cases it does, as the next section measures.
#
# ## How often is a test wrong?
#
# Simulate studies of two losses that are **equally good**, and count in how many the test says "better" at p < 0.05. An
# honest test says so in 5 of 100.
#
# **Predict.** Six cases, as in a pilot study. How often does the bootstrap find what is not there?

# %%
cases = (6, 12, 20, 43, 94)
rates = statistics.false_positive_rates(cases, studies=2000, resamples=1000)
theory = [statistics.expected_false_positive_rate(n) for n in cases]
rates.round(2)

# %%
plt.figure(figsize=(5.6, 3))
plt.plot(cases, rates["bootstrap"], "o-", color="#d55e00", label="bootstrap")
plt.plot(cases, theory, ":", color="#1b1f24", label="bootstrap, by theory")
plt.plot(cases, rates["permutation"], "s--", color="#0072b2", label="permutation")
plt.axhline(0.05, color="#5b6470", linewidth=0.8)
plt.gca().set(xlabel="cases", ylabel="false positives", ylim=(0, 0.12), title="Two equal losses, called different")
plt.legend()
plt.show()

# %% [markdown]
# *The bootstrap starts at twice the promised level and falls towards it; the permutation test stays near the thin line
# of 0.05 throughout.*
#
# With 6 cases the bootstrap is wrong about 10 times in 100, with 12 about 7 times. It takes the spread of six numbers
# for the spread of the world, and six numbers spread too little. Theory says the same: 0.097 and 0.072. From about 40
# cases on, the excess is below 0.01. `compare` warns below that number.

# %%
assert 0.08 < rates.loc[6, "bootstrap"] < 0.12
assert 0.035 < rates.loc[6, "permutation"] < 0.065
assert np.round(theory[:2], 3).tolist() == [0.097, 0.072]
assert statistics.expected_false_positive_rate(statistics.FEW_UNITS) < 0.06

# %% [markdown]
# ## How many cases are enough?
#
# Enough for what? Say the gain is real: 0.02 a case, with a spread of 0.10 from case to case. Table II has gains of
# that size, as sDice over CE on BR18 (0.870 against 0.848).
#
# **Predict.** With 43 cases, in what share of studies is such a gain found?

# %%
sizes = (12, 25, 43, 94, 150, 285)
power = statistics.false_positive_rates(
    sizes, methods=("permutation",), studies=1000, resamples=1000, draw=lambda r, n: 0.02 + 0.1 * r.standard_normal(n)
)["permutation"]
power.round(2)

# %%
plt.figure(figsize=(5.6, 3))
plt.plot(sizes, power, "s-", color="#0072b2")
plt.axhline(0.8, color="#5b6470", linewidth=0.8, linestyle="--")
plt.gca().set(xlabel="cases", ylabel="share of studies that find it", ylim=(0, 1), title="A real gain of 0.02")
plt.show()

# %% [markdown]
# *A curve that climbs past the dashed line of 0.8 only at about 150 cases.*
#
# With 43 cases fewer than half of the studies find it; it takes about 150 to find it in four of five. So "not
# significant" on a small set is no proof of equality. It is often a study that could not have seen the difference.

# %%
assert 0.25 < power[43] < 0.5
assert 0.74 < power[150] < 0.87
assert power[285] > 0.9

# %% [markdown]
# ## Frames are not patients
#
# A colonoscopy gives 30 frames of one polyp. They are easy or hard together, and a loss that gains on one gains on the
# next. Below, 300 frames of 10 sequences, and **no** difference between the losses but the luck of each sequence.
#
# **Predict.** Take frames for independent cases. Out of 100 such studies, how many report a significant difference,
# in one direction or the other?


# %%
def study_of_frames(seed, sequences=10, frames=30):
    rng = np.random.default_rng(seed)
    luck = np.repeat(0.05 * rng.standard_normal(sequences), frames)
    return luck + 0.05 * rng.standard_normal(luck.size), np.repeat(np.arange(sequences), frames)


# %%
def share_found(by_group, studies=100):
    p_values = []
    for seed in range(studies):
        gains, sequence = study_of_frames(seed)
        means = bootstrap_means(gains[:, None], resamples=1000, seed=seed, groups=sequence if by_group else None)
        p_values.append(min(np.mean(means <= 0), np.mean(means >= 0)))
    return np.mean(np.array(p_values) < 0.05)


# %%
by_frame, by_sequence = share_found(by_group=False), share_found(by_group=True)
print(f"frames as cases: {by_frame:.2f}, whole sequences resampled: {by_sequence:.2f}; promised 0.10")
assert by_frame > 0.5
assert by_sequence < 0.25

# %% [markdown]
# Taken frame by frame, more than half of these studies of nothing report a difference. Resampling whole sequences,
# `compare(..., by_group=True)`, brings it down to little more than the promised 0.10 for two directions; the rest is
# the boldness at ten units that we saw above. Keep the sequences in one fold, too; the studies here do.
#
# ## Five losses, ten pairs
#
# The tables compare five losses in all pairs. Grey is *not significantly inferior to the best*, italic is *inferior to
# all others*. Simulate four **equal** losses and one that is 0.03 worse, on 94 cases as in IS18.
#
# **Predict.** How many of the four equal ones are grey?


# %%
def five_losses(seed):
    rng = np.random.default_rng(seed)
    base, gain = rng.beta(4, 3, 94), {"CE": -0.03, "wCE": 0.0, "sDice": 0.0, "sJaccard": 0.0, "Lovasz": 0.0}
    return ScoreTable.from_rows(
        common | {"loss": loss, "case": str(k), "group": str(k), "value": base[k] + g + 0.05 * rng.standard_normal()}
        for loss, g in gain.items()
        for k in range(94)
    )


# %%
five = statistics.compare(five_losses(seed=7), dataset="simulated", metric="dice")
pd.DataFrame({"mean": five.means.round(3), "mark": five.marks})

# %% [markdown]
# The loss that is worse is italic, as it should be. But one of the four equal ones has lost its grey: it had bad luck,
# and it is measured against the luckiest. That was no rare accident of this seed.

# %%
equal = ["wCE", "sDice", "sJaccard", "Lovasz"]
marks = [statistics.compare(five_losses(seed), dataset="simulated", metric="dice").marks for seed in range(12)]
found = sum(any(one[equal] != "grey") for one in marks)
print(f"in {found} of 12 such studies an equal loss is not grey")

# %% [markdown]
# In a third of these studies some loss is called worse than its equals: six pairs among four equals, each tested in
# both directions at 0.05.
#
# **Predict.** Holm's correction asks for more where many pairs are tested. Does the italic survive it, and does the
# unlucky loss get its grey back?

# %%
holm = statistics.compare(five_losses(seed=7), dataset="simulated", metric="dice", correction="holm")
pd.DataFrame({"plain": five.marks, "Holm": holm.marks})

# %%
assert five.marks["CE"] == holm.marks["CE"] == "italic"
assert sum(five.marks[equal] == "grey") == 3
assert all(holm.marks[equal] == "grey")
assert found == 4

# %% [markdown]
# Both. The paper does not correct. Read a lonely significant cell in a large table with that in mind, and look for a
# pattern over data sets.
#
# ## What this does and does not show
#
# * A small p says that *these weights* differ on patients *like these*. Other seeds, folds and hospitals are not in it.
# * It knows nothing of how the weights were chosen. As we read the paper, each loss takes the epoch of its own best
#   validation loss on the very cases that are tested: all scores come out too high, and more so those of a loss that is
#   nearly the score. `inner_validation=0.2` (`--inner-validation 0.2`) chooses on training cases that are kept aside.
# * The paper prints means, not the scores of cases, so its p-values cannot be found again from its tables.
# * A significant difference may be too small to matter. Look at the interval, not at the mark alone.
#
# ## Exercise
#
# Your pilot study has 8 cases, and one loss is better in every single one. What is the smallest one-sided p that a
# permutation test can give? How many cases are needed before p < 0.001 is possible at all?
#
# <details>
# <summary>Solution</summary>
#
# Eight coins fall in $2^8 = 256$ ways, and only one of them gives a mean as large as the one seen: p = 1/256 = 0.0039.
# For p < 0.001 there must be more than 1000 ways: $2^{10} = 1024$, ten cases.
#
# ```python
# eight = {"CE": 0.5, "sDice": 0.51}
# rows = [common | {"loss": loss, "case": str(k), "group": str(k), "value": value + k / 100}
#         for loss, value in eight.items() for k in range(8)]
# pilot = statistics.compare(ScoreTable.from_rows(rows), dataset="simulated", metric="dice", method="permutation")
# print(pilot.superior.loc["sDice", "CE"])  # 0.0039
# print(statistics.compare(ScoreTable.from_rows(rows), dataset="simulated", metric="dice").superior)  # 0.0!
# ```
#
# The bootstrap says p = 0, since no draw out of eight gains is a loss. It is the same evidence. So a report prints
# 0.0039 for it, and rests its marks on that: `.supported` in place of `.superior`.
#
# </details>
