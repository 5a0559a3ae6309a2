# %% [markdown]
# # 6 · Put it into your own model
#
# You have a Keras 3 model that ends in a mask, and you report Dice. This notebook changes its loss, one step at a time,
# and goes through what usually comes next: logits, weights, mixed precision, saving, several classes. At the end stands
# the way here from the losses of Keras, segmentation_models, MONAI and TensorFlow Addons.
#
# In a hurry? `pip install .` in a clone, and read the first two sections. The package brings Keras and NumPy, and
# works with the backend that you have: TensorFlow, or JAX or PyTorch with the environment variable `KERAS_BACKEND=jax`
# or `torch` set before Keras is imported. Only the phantoms and pictures of this notebook need more (the extra
# `study`).

# %%
import tempfile

import keras
import numpy as np
from IPython.display import Image

from kerasmetricloss import CrossEntropy, DiceScore, SoftDice, SoftTversky
from kerasmetricloss.datasets import open_dataset, write_phantom
from kerasmetricloss.pipelines import Preparation, prepare
from kerasmetricloss.reports.slices import example_slices

ROOT = None  # the folder of a colonoscopy data set (Original/, Ground Truth/); None makes phantoms

# %% [markdown]
# ## A model that could be yours
#
# First some images: 60 pictures of 48 by 64 pixels with a mask each. **Nothing here is needed for your own data.** All
# that the losses want is two arrays: images, and masks of 0 and 1 with a last axis for the classes.

# %%
folder = tempfile.TemporaryDirectory()
root = ROOT or write_phantom("po18", f"{folder.name}/po18", cases=60, seed=0, size=(64, 48))
size = Preparation(output_size=(48, 64), picture_size=(64, 48))
cases = [prepare(case, size) for case in open_dataset("po18", root)[:60]]
images = np.stack([case.image for case in cases]) / 255.0
masks = np.stack([case.truth for case in cases]).astype("float32")
print("images", images.shape, "masks", masks.shape, "values of the masks", np.unique(masks))

# %% [markdown]
# A small network of the usual kind, and the loss that most people begin with. 40 images to train, 20 to test.


# %%
def build_model(**last):
    wide = {"padding": "same", "activation": "relu"}
    layers = [keras.layers.Conv2D(12, 3, dilation_rate=rate, **wide) for rate in (1, 2, 4, 8, 4)]
    return keras.Sequential([keras.Input((48, 64, 3)), *layers, keras.layers.Conv2D(1, 1, **last)])


keras.utils.set_random_seed(1)
model = build_model(activation="sigmoid")

# %%
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=[DiceScore()])
model.fit(images[:40], masks[:40], batch_size=8, epochs=30, verbose=0)
start = model.get_weights()

# %% [markdown]
# `DiceScore` is the score that you report: masks above 0.5, one score an image, their mean. Keras calls it like any
# metric.
#
# ## The one line that changes
#
# The paper trains with cross-entropy first and goes on with the loss under study (Sec. III-B). `compile` again, with
# another loss: the weights stay, the optimiser starts anew.
#
# ```python
# model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=SoftDice(), metrics=[DiceScore()])
# ```
#
# To be fair, cross-entropy goes on as well, from the same weights and for as long.
#
# **Predict.** 30 more epochs each. Which one scores higher in Dice, and which marks more pixels?

# %%
found = {}
for name, loss in {"CE": CrossEntropy(), "sDice": SoftDice()}.items():
    model.set_weights(start)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=[DiceScore()])
    model.fit(images[:40], masks[:40], batch_size=8, epochs=30, verbose=0)
    found[name] = model.predict(images[40:], verbose=0)
with_soft_dice = found["sDice"]

# %% tags=["varies"]
metric, scores = DiceScore(), {}
for name, output in found.items():
    metric.reset_state()
    metric.update_state(masks[40:], output)
    scores[name] = float(metric.result())
    print(f"{name:5} mean Dice {scores[name]:.2f}, pixels marked {int(np.sum(output > 0.5))}")
print(f"truth {int(masks[40:].sum())} pixels")

# %% [markdown]
# In the run that is stored here soft Dice scores 0.43 and cross-entropy 0.40, and cross-entropy marks fewer pixels;
# in yours the scores may be a little different. One training each, of one small network on 20 test images, proves
# nothing: notebook 21 compares the losses in two folds, and notebook 30 asks when a difference is real.

# %%
assert np.allclose([scores["sDice"], scores["CE"]], [0.42, 0.40], atol=0.08) or ROOT
assert np.sum(found["sDice"] > 0.5) > np.sum(found["CE"] > 0.5) or ROOT

# %%
best = int(np.argmax(masks[40:].sum(axis=(1, 2, 3))))
panels = {name: output[best, ..., 0] for name, output in found.items()}
Image(example_slices(images[40 + best], masks[40 + best, ..., 0] > 0, panels, dice={}), width=560)

# %% [markdown]
# *A test image with its true outline in blue, the truth, and the outputs of both losses with the predicted outline in
# red. The histograms below show the outputs: soft Dice leaves few values between 0 and 1.*
#
# ## Logits
#
# If your last layer has no sigmoid, say so with `from_logits=True`. Here the outputs from above are turned back into
# logits.
#
# **Predict.** Is the loss of the logits smaller than that of the outputs, the same, or larger?

# %%
logits = np.log(with_soft_dice + 1e-6) - np.log(1 - with_soft_dice + 1e-6)
on_logits = float(SoftDice(from_logits=True)(masks[40:], logits))
on_outputs = float(SoftDice()(masks[40:], with_soft_dice))
assert np.isclose(on_logits, on_outputs, atol=1e-4)

# %% [markdown]
# The same. The metric needs the setting too:

# %%
headless = build_model()
headless.compile(optimizer="adam", loss=SoftDice(from_logits=True), metrics=[DiceScore(from_logits=True)])

# %% [markdown]
# ## Masks, as they come
#
# **Predict.** Masks from PNG files hold 0 and 255. What does the loss do with them?

# %%
png = (masks[40:] * 255).astype("uint8")
try:
    SoftDice()(png, with_soft_dice)
except ValueError as error:
    print(error)

# %% [markdown]
# It refuses arrays of integers that are no masks. Inside `fit` it sees tensors, whose values nobody can look at: so
# divide before. Where only one of the two lacks the class axis it is refused, with the shapes and what to do. Where
# *both* lack it nobody can tell: the last axis is then taken for the classes, and the loss is another one.

# %%
try:
    SoftDice()(masks[40:], with_soft_dice[..., 0])
except ValueError as error:
    print(error)

# %% [markdown]
# Pixels whose truth is unknown get a label of their own, 2 here, and `ignore_label=2` leaves them out of loss and
# metric. `sample_weight` does the same with numbers: of shape (batch,) it scales an image's loss, of shape
# (batch, height, width) it enters the sums of Eq. 11.
#
# **Predict.** Four pixels, truth 1, 1, 0, 0, outputs 0.9, 0.8, 0.7, 0.1. The third pixel is a disputed one. What is the
# loss with it, and without?

# %%
y, p = np.array([[[1], [1], [0], [0]]]), np.array([[[0.9], [0.8], [0.7], [0.1]]])
disputed = np.array([[[1], [1], [2], [0]]])
with_it, without = float(SoftDice()(y, p)), float(SoftDice(ignore_label=2)(disputed, p))
weighted = float(SoftDice()(y, p, sample_weight=np.array([[1, 1, 0, 1]])))
print(f"with it {with_it:.3f}, without {without:.3f}, with weight 0 {weighted:.3f}")

# %% [markdown]
# 0.244 with it, $1 - 2 \cdot 1.7 / (2 + 2.5)$; 0.105 without, $1 - 2 \cdot 1.7 / (2 + 1.8)$. In `fit`, Keras hands
# weights to metrics only in `compile(weighted_metrics=[...])`.

# %%
assert (round(with_it, 3), round(without, 3), round(weighted, 3)) == (0.244, 0.105, 0.105)

# %% [markdown]
# ## Mixed precision
#
# **Predict.** A volume has 100,000 voxels, and float16 ends at 65,504. What is a sum of its voxels in float16?

# %%
volume = np.ones((1, 100_000, 1), "float16")
print("sum in float16:", float(keras.ops.sum(volume)), " soft Dice:", float(SoftDice()(volume, volume)))
assert float(SoftDice()(volume, volume)) == 0

# %% [markdown]
# Infinite. The losses and metrics here sum in float32 whatever the model computes in. Set the policy as usual, and give
# the last layer `dtype="float32"` if its output should be precise.

# %%
half = keras.Sequential([keras.Input((48, 64, 3)), keras.layers.Conv2D(1, 3, padding="same", dtype="mixed_float16")])
half.compile(optimizer="adam", loss=SoftDice(from_logits=True))
loss = half.evaluate(images[:8], masks[:8], verbose=0)
assert keras.backend.standardize_dtype(half(images[:1]).dtype) == "float16"
assert 0 < loss < 1

# %% [markdown]
# ## Several classes
#
# There are two kinds. **Independent** classes may overlap, as whole tumour and tumour core: sigmoid outputs, one
# binary problem each. **Exclusive** ones share the voxels out, as organs: softmax outputs, and truths as one-hot or
# label maps.
#
# **Predict.** A label map of background, liver and lesion. `include=[1, 2]` leaves the background out. Why would one?

# %%
labels = np.array([[0, 0, 0, 0, 1, 1, 2, 2]])
softmax = np.full((1, 8, 3), 0.1)
softmax[0, np.arange(8), [0, 0, 0, 0, 1, 1, 1, 2]] = 0.8
every = DiceScore(classes="exclusive", per_class=["background", "liver", "lesion"])
every.update_state(labels, softmax)
print({name: round(float(value), 3) for name, value in every.result().items()})

# %% [markdown]
# The background is easy and makes the mean look better: 0.822 with it. Liver and lesion alone score 0.733.

# %%
foreground = DiceScore(classes="exclusive", include=[1, 2])
foreground.update_state(labels, softmax)
assert round(float(every.result()["dice_score"]), 3) == 0.822
assert round(float(foreground.result()), 3) == 0.733

# %% [markdown]
# The losses take the same arguments: `SoftDice(classes="exclusive", include=[1, 2], from_logits=True)`.
#
# ## Sums of losses
#
# Losses add and multiply. The sum is a loss again, with a metric for each part, so that you can see which one moves.
#
# **Predict.** Half of soft Dice plus half of cross-entropy. `evaluate` gives three numbers: `loss`, `soft_dice` and
# `cross_entropy`. How does the first follow from the other two?

# %%
both = 0.5 * SoftDice() + 0.5 * CrossEntropy()
print(both)
model.compile(optimizer="adam", loss=both, weighted_metrics=both.part_metrics())
model.fit(images[:40], masks[:40], batch_size=8, epochs=1, verbose=0)
parts = model.evaluate(images[40:], masks[40:], verbose=0, return_dict=True, batch_size=20)
assert np.isclose(parts["loss"], 0.5 * parts["soft_dice"] + 0.5 * parts["cross_entropy"], atol=1e-4)

# %% [markdown]
# It is the mean of the two here, as the weights are one half each.
#
# ## Saving
#
# Settings are saved with the model. Before loading, `import kerasmetricloss`: that registers the classes.
#
# **Predict.** Which loss does the loaded model have: none, plain soft Dice, or the sum with its two factors?

# %%
path = f"{folder.name}/model.keras"
model.save(path)
again = keras.saving.load_model(path)
print(again.loss)
np.testing.assert_allclose(again(images[:2]), model(images[:2]), atol=1e-5)

# %% [markdown]
# ## From the losses of Keras
#
# **Predict.** `keras.losses.Dice()` on a batch: one score an image, or one for all pixels of the batch?

# %%
batch = masks[40:48], with_soft_dice[:8]
theirs, ours = float(keras.losses.Dice()(*batch)), float(SoftDice()(*batch))
pooled = float(SoftDice(pool="batch", smooth_dr=1e-7)(*batch))
print(f"keras {theirs:.3f}, an image {ours:.3f}, pooled {pooled:.3f}")
assert np.isclose(theirs, pooled, atol=1e-5)

# %% [markdown]
# One for all pixels (and classes), so large objects count more. `keras.losses.Dice(axis=(1, 2, 3))` takes one an
# image. A trap waits in `keras.losses.Tversky`: up to Keras 3.15.1 its alpha weighs false **negatives**, the other
# way round than in the paper. Ask your version:

# %% tags=["varies"]
all_foreground = np.array([[1.0, 0.0]]), np.ones((1, 2))
swapped = float(keras.losses.tversky(*all_foreground, alpha=1.0, beta=0.0)) < 0.1
print("alpha weighs", "false negatives: swapped" if swapped else "false positives")

# %%
a, b = (0.7, 0.3) if swapped else (0.3, 0.7)
theirs = float(keras.losses.Tversky(alpha=a, beta=b, axis=(1, 2, 3))(*batch))
assert np.isclose(theirs, float(SoftTversky(alpha=0.3, beta=0.7)(*batch)), atol=1e-5)

# %% [markdown]
# ## From elsewhere
#
# $s$ is the other library's `smooth`. Ours adds nothing unless you ask: `smooth_nr` above, `smooth_dr` below.
#
# **Predict.** You come from the `DiceLoss` of segmentation_models, or from that of MONAI. Which of the two needs
# `pool="batch"` here to stay what it was?
#
# | you had | you write | beware |
# |---|---|---|
# | `keras.losses.Dice()` | `SoftDice(pool="batch", smooth_dr=1e-7)`, for one class | two empty sets cost 1 there |
# | `keras.losses.Dice(axis=(1, 2, 3))` | `SoftDice()`, for one class | classes are pooled there |
# | `keras.losses.Tversky(alpha=a, beta=b)` | `SoftTversky(alpha=b, beta=a)` up to 3.15.1 | see above |
# | segmentation_models `DiceLoss(smooth=s)` | `SoftDice(pool="batch", smooth_nr=s, smooth_dr=s)` | pooled there |
# | segmentation_models `JaccardLoss(smooth=s)` | `SoftJaccard(pool="batch", smooth_nr=s, smooth_dr=s)` | pooled there |
# | MONAI `DiceLoss()` | `SoftDice(smooth_nr=1e-5, smooth_dr=1e-5)` | channels first there |
# | MONAI `DiceLoss(squared_pred=True)` | the same with `norm=2` | |
# | MONAI `DiceLoss(batch=True)` | the same with `pool="batch"` | |
# | MONAI `TverskyLoss(alpha=a, beta=b)` | `SoftTversky(alpha=a, beta=b, smooth_nr=1e-5, smooth_dr=1e-5)` | |
# | TensorFlow Addons `F1Score()` | `DiceScore(pool="batch", classes="exclusive")` | an absent class scored 0 there |
# | TensorFlow Addons `F1Score(threshold=t)` | `DiceScore(pool="batch", threshold=t)` | the same |
# | TensorFlow Addons `FBetaScore(beta=b)` | `FBetaScore(beta=b, pool="batch", classes="exclusive")` | the same |
#
# TensorFlow Addons never had a Dice loss, is archived, and cannot be imported beside Keras 3. For channels first pass
# `data_format="channels_first"`, or set it in Keras once.
#
# If the loss stays at 1: is the truth empty in many images (notebook 3), are the masks 0 and 255, or did you start soft
# Dice from random weights on tiny objects? Then train with cross-entropy first, as above.
#
# ## Exercise
#
# You report $F_2$, in which a missed pixel costs four times an invented one. Which loss promises most for it, and how
# do you write it into `compile`?
#
# <details>
# <summary>Solution</summary>
#
# $F_b$ is the Tversky index with $\alpha = 1/(1+b^2)$ and $\beta = b^2/(1+b^2)$, so for $b = 2$:
#
# ```python
# from kerasmetricloss import FBetaScore
#
# model.compile(optimizer="adam", loss=SoftTversky(alpha=0.2, beta=0.8), metrics=[FBetaScore(beta=2)])
# ```
#
# `kerasmetricloss bounds --loss sTversky-0.2/0.8 --metric F2.0` says that nothing is lost between the two. Table B.1 of
# the paper agrees on most of its data sets: the best $F_2$ stands at 0.2/0.8.
#
# </details>
