"""Which sizes a network takes and gives, and how it is called: all that tiling needs to know of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasmetricloss.pipelines.inference.arrays import uncopied
from kerasmetricloss.pipelines.inference.errors import PredictionError
from kerasmetricloss.pipelines.inference.layers import (
    USUAL_VALUES,
    check_form,
    image_first,
    looks_at_all,
    values_a_voxel,
    white_of,
)

# Larger than the smallest input of every network here (of a U-Net of six levels: 243), and than any sensible pooling.
_PROBED = 256
# Voxels an axis at which a network's maps are measured.
_USUAL = 64

_OTHER_SIZE = (
    "{}: it must have the size of the image, or be cropped alike on both sides. Enlarge a coarser output to that at "
    "the end of the model, as with keras.layers.UpSampling2D or UpSampling3D."
)


@dataclass(frozen=True)
class Reach:
    """Sizes of a network along each axis: outputs of smallest + k * step voxels, inputs of 2 * margin more.

    The U-Net of four levels has smallest 1, step 27 and margin 13; DeepMedic 15, 3 and 24; a network whose output has
    the size of its input has margin 0. A step of 0 stands for one size alone.

    Args:
        smallest: Smallest output, in voxels an axis.
        step: By how much outputs grow.
        margin: Voxels on each side that the input has more.

    Example:
        >>> unet = Reach(smallest=(1, 1), step=(27, 27), margin=(13, 13))
        >>> unet.output_for((136, 100)), unet.input_of((136, 109))
        ((136, 109), (162, 135))
    """

    smallest: tuple[int, ...]
    step: tuple[int, ...]
    margin: tuple[int, ...]

    @classmethod
    def same(cls, dimension: int) -> "Reach":
        """The reach of a network that gives every size back as it came."""
        return cls((1,) * dimension, (1,) * dimension, (0,) * dimension)

    def output_for(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest output of at least the voxels wanted; the one size where there is one alone."""
        sizes = zip(self.smallest, self.step, wanted, strict=True)
        return tuple(least + (-(-max(n - least, 0) // step) * step if step else 0) for least, step, n in sizes)

    def input_of(self, output: Sequence[int]) -> tuple[int, ...]:
        """Return the input of an output."""
        return tuple(n + 2 * margin for n, margin in zip(output, self.margin, strict=True))


@dataclass(frozen=True)
class Network:
    """A network as inference sees it.

    Args:
        run: Maps images (batch, *input, channels) and masks (batch, *output, 1), both float32, to probabilities
            (batch, *output, outputs) that are 0 outside the masks.
        reach: Its sizes.
        outputs: Channels that it gives.
        takes_mask: Whether `run` looks at masks. If not it is given None for them, and need not apply them.
        channels: Channels of the images that it takes; None does not check them.
        values: What its largest map holds for a voxel of its input; bounds the image that is predicted in one piece.
        white: Value of a full channel of colours that it normalises itself; None where it does not.
        looks_at_all: Whether it takes statistics over the whole image, as instance normalisation does.
    """

    run: Callable[[np.ndarray, np.ndarray | None], object]
    reach: Reach
    outputs: int
    takes_mask: bool = True
    channels: int | None = None
    values: float = USUAL_VALUES
    white: float | None = None
    looks_at_all: bool = False

    @classmethod
    def of(cls, model: keras.Model) -> "Network":
        """Describe a Keras model with the input image, or the inputs image and mask.

        Which of two inputs is the mask is told by the names "image" and "mask", by its one channel, or by its place:
        the second. A model without a mask as input has its probabilities multiplied by the mask.

        Raises:
            PredictionError: The model has other inputs, an output of another size, as one smaller by a stride, or no
                size up to 256 voxels an axis fits it.
        """
        check_form(model)
        model = image_first(model)
        reach = reach_of(model)
        output = reach.output_for((_USUAL,) * len(reach.step))
        about = {
            "reach": reach,
            "outputs": model.outputs[0].shape[-1],
            "channels": model.inputs[0].shape[-1],
            "values": values_a_voxel(model, reach.input_of(output), output),
            "white": white_of(model),
            "looks_at_all": looks_at_all(model),
        }
        if len(model.inputs) == 1:
            return cls(run=lambda images, _: _run(model, images), takes_mask=False, **about)
        return cls(run=lambda images, masks: _run(model, [images, masks]), **about)


def reach_of(model: keras.Model) -> Reach:
    """Find the sizes of a model by asking it for its output's shape; nothing is computed.

    Args:
        model: With the input image (batch, *input, channels), or the inputs image and mask.

    Returns:
        Its reach. A model that was built for one size has that alone.

    Raises:
        PredictionError: As for `Network.of`.

    Example:
        >>> from kerasmetricloss.models import unet
        >>> reach_of(unet(dimension=2, input_channels=1, filters=1, levels=3))
        Reach(smallest=(1, 1), step=(9, 9), margin=(4, 4))
    """
    check_form(model)
    model = image_first(model)
    fixed, probe = model.inputs[0].shape[1:-1], _Probe(model)
    if None not in fixed:
        outputs = tuple(model.outputs[0].shape[1:-1])
        if outputs != fixed:
            probe.check_growth(fixed, outputs)
        probe.check_rest(fixed, outputs)
        if any(n < out or (n - out) % 2 for n, out in zip(fixed, outputs, strict=True)):
            raise PredictionError(_OTHER_SIZE.format(f"an image of {fixed} voxels gives an output of {outputs}"))
        return Reach(outputs, (0,) * len(fixed), tuple((n - out) // 2 for n, out in zip(fixed, outputs, strict=True)))
    sizes = (tuple(n if size is None else size for size in fixed) for n in range(1, _PROBED + 1))
    start = next((size for size in sizes if probe.margins(size)), None)
    if start is None:
        raise PredictionError(
            f"no image of up to {_PROBED} voxels an axis fits the model, whose output must have the size of the image, "
            "or be cropped alike on both sides: enlarge it to that at its end, or build it for one size."
        )
    margins = probe.margins(start)
    probe.check_growth(start, tuple(n - 2 * margin for n, margin in zip(start, margins, strict=True)))
    found = [(n, 0) if fixed[axis] else probe.steps(start, axis) for axis, n in enumerate(start)]
    smallest = tuple(n - 2 * margin for (n, _), margin in zip(found, margins, strict=True))
    return Reach(smallest, tuple(step for _, step in found), margins)


class _Probe:
    """Follows shapes through a model, and sees where two that should meet do not; layers that join do not say so."""

    def __init__(self, model: keras.Model):
        self._channels = model.inputs[0].shape[-1]
        self._fixed = None not in model.inputs[0].shape[1:-1]
        self._masks = [mask.shape[-1] for mask in model.inputs[1:]]
        self._operations = keras.Model(model.inputs, model.outputs).operations  # a Sequential has none of its own
        joined = [(_inputs(operation), type(operation).__name__) for operation in self._operations]
        # Sums and products stretch a size of 1, concatenation does not.
        self._joined = [(tensors, {None} if "Concat" in kind else {None, 1}) for tensors, kind in joined if tensors]
        flat = [tensor for tensors, _ in self._joined for tensor in tensors]
        self._model = keras.Model(model.inputs, [model.outputs[0], *flat])

    def margins(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Return the voxels a side by which this input is larger than its output; nothing where it does not fit."""
        output, joined = self._shapes(size, (None,) * len(size))
        if None in output:
            # A product with a mask of unknown size has an unknown size; the mask has that of what it is joined with.
            sizes = {shape for shapes in joined for shape in shapes if None not in shape}
            output = next((mask for mask in sorted(sizes, reverse=True) if self._shapes(size, mask)[0] == mask), ())
        differences = [n - out for n, out in zip(size, output, strict=False)]
        fits = output and all(0 <= d < n and d % 2 == 0 for d, n in zip(differences, size, strict=True))
        return tuple(d // 2 for d in differences) if fits else ()

    def _shapes(self, size: tuple[int, ...], mask: tuple[int | None, ...]) -> tuple[tuple, list[list[tuple]]]:
        """Return the size of the output, and the sizes that meet in each join; nothing where they do not fit."""
        given = [(1, *size, self._channels), *((1, *mask, n) for n in self._masks)]
        try:
            output, *rest = self._model.compute_output_shape(given if self._masks else given[0])
        except Exception:  # each layer and backend refuses a wrong size with an error of its own
            return (), []
        shapes = iter(rest)
        joined = [[tuple(next(shapes)[1:-1]) for _ in tensors] for tensors, _ in self._joined]
        for sizes, (_, stretched) in zip(joined, self._joined, strict=True):
            if any(len(set(axis) - stretched) > 1 for axis in zip(*sizes, strict=True)):
                return (), []
        return tuple(output[1:-1]), joined

    def check_growth(self, start: tuple[int, ...], output: tuple[int, ...]) -> None:
        """Raise where the output does not grow as its image does, from a size that fits."""
        for axis, (n, out) in enumerate(zip(start, output, strict=True)):
            for more in range(_PROBED, 0, -1):
                size = (*start[:axis], n + more, *start[axis + 1 :])
                given = self._followed(size) if self._fixed else self._shapes(size, (None,) * len(size))[0]
                grown = given[axis] if given else None
                if grown is not None:
                    # Pooling that is undone can lose a rest, as 131 voxels by 4 and back are 128.
                    if not 0.75 * more <= grown - out <= 1.5 * more:
                        came = f"along axis {axis} an image of {n} voxels gives {out}, one of {n + more} gives {grown}"
                        raise PredictionError(_OTHER_SIZE.format(f"the output has another size than the image: {came}"))
                    break

    def check_rest(self, size: tuple[int, ...], output: tuple[int, ...]) -> None:
        """Raise if a larger image loses fewer voxels: then pooling cut a remainder at one end, and no margin."""
        for axis, (n, out) in enumerate(zip(size, output, strict=True)):
            for more in range(1, _USUAL if out < n else 0):
                grown = (*self._followed((*size[:axis], n + more, *size[axis + 1 :])), *(None,) * (axis + 1))[axis]
                if grown is not None and n + more - grown < n - out:
                    came = f"along axis {axis} an image of {n} voxels gives {out}, one of {n + more} gives {grown}"
                    raise PredictionError(_OTHER_SIZE.format(f"the output lacks a rest of the image: {came}"))
                if grown is not None and n + more - grown == n - out:
                    break

    def _followed(self, size: tuple[int, ...]) -> tuple:
        """Return the output of a size that the model was not built for, nothing where its operations do not tell."""
        known = {id(self._model.inputs[0]): keras.KerasTensor((1, *size, self._channels))}
        known |= {id(mask): mask for mask in self._model.inputs[1:]}
        try:
            for operation in self._operations:
                if id(operation.output) not in known:
                    given = keras.tree.map_structure(lambda tensor: known[id(tensor)], operation.input)
                    arguments = [given] if isinstance(operation, keras.Layer) else keras.tree.flatten(given)
                    known[id(operation.output)] = operation.compute_output_spec(*arguments)
        except Exception:  # each layer and backend refuses a wrong size with an error of its own
            return ()
        return tuple(known[id(self._model.outputs[0])].shape[1:-1])

    def steps(self, start: tuple[int, ...], axis: int) -> tuple[int, int]:
        """Return the smallest input along an axis and the step by which it grows, from a size that fits."""
        margins = self.margins(start)

        def fits(n: int) -> bool:
            return n > 0 and self.margins((*start[:axis], n, *start[axis + 1 :])) == margins

        step = next((d for d in range(1, _PROBED + 1) if fits(start[axis] + d)), 0)
        smallest = start[axis]
        while step and fits(smallest - step):
            smallest -= step
        return smallest, step


def _inputs(operation: keras.Operation) -> list[keras.KerasTensor]:
    """Return the images that an operation of Keras joins voxel by voxel; a layer of one's own may crop them first."""
    try:
        given = operation.input
    except (AttributeError, ValueError):  # used several times, or never
        return []
    if not isinstance(given, list) or not type(operation).__module__.startswith("keras."):
        return []
    return given if len({len(tensor.shape) for tensor in given}) == 1 and len(given) > 1 else []


def _run(model: keras.Model, inputs: object) -> np.ndarray:
    return np.asarray(model.predict_on_batch(keras.tree.map_structure(uncopied, inputs)))
