"""Draw each network of the paper from the built Keras model, as SVG files in docs/models.

    python docs/draw_models.py

Boxes are layers with weights, pools and crops; columns follow depth, rows resolution, heights the size of the map
on a logarithmic scale. Above a box stand the voxels along its first axis, below it the channels. Nothing is drawn by
hand: places, sizes, numbers and lines come from `model.layers`.
"""

import math
import os
from html import escape
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from kerasmetricloss import models

FOLDER = Path(__file__).parent / "models"
NETWORKS = {
    "unet_br18": lambda: models.unet_br18(input_size=(162, 162, 108)),
    "unet_is17": lambda: models.unet_is17(input_size=(162, 162, 108)),
    "unet_wm17": lambda: models.unet_wm17(input_size=(162, 162, 108)),
    "unet_is18": lambda: models.unet_is18(input_size=(162, 162, 108)),
    "unet_mo17": lambda: models.unet_mo17(input_size=(243, 243)),
    "deepmedic": lambda: models.deepmedic(input_size=(63, 63, 63)),
    "deeplab_vgg16": lambda: models.deeplab_vgg16(input_size=(288, 384)),
    "deeplab_vgg16_aspp": lambda: models.deeplab_vgg16(head="aspp", input_size=(288, 384), name="deeplab_vgg16_aspp"),
}
# What changes neither size nor channels goes without a box: it stands before or behind each convolution.
QUIET = ("CheckSize", "InstanceNormalization", "BatchNormalization", "LeakyReLU", "PReLU", "Dropout", "Activation")
COLOURS = {
    "Conv": "#4477aa",
    "DilatedConv": "#aa3377",
    "MaxPooling": "#ccbb44",
    "AveragePooling": "#ccbb44",
    "Subsample": "#ccbb44",
    "LinearUpsampling": "#228833",
    "UpSampling": "#228833",
    "BilinearUpsampling": "#228833",
    "CentreCrop": "#66ccee",
    "ImageNetColours": "#bbbbbb",
    "InputLayer": "#888888",
    "ApplyMask": "#888888",
}
NAMES = {
    "Conv": "convolution",
    "DilatedConv": "dilated convolution",
    "MaxPooling": "max pooling",
    "Subsample": "subsampling",
}
NAMES |= {"AveragePooling": "average pooling", "LinearUpsampling": "linear upsampling", "UpSampling": "repetition"}
NAMES |= {"BilinearUpsampling": "bilinear upsampling", "CentreCrop": "centre crop", "InputLayer": "input"}
NAMES |= {"ApplyMask": "times the mask"}
NAMES |= {"ImageNetColours": "less the mean colour"}
# By how much a layer widens the distance between voxels.
RESOLUTION = {
    "MaxPooling": lambda layer: layer.strides[0],
    "AveragePooling": lambda layer: layer.strides[0],
    "Subsample": lambda layer: layer.factor,
    "LinearUpsampling": lambda layer: 1 / np.max(layer.factor),
}
STEP, TOP, BOX = 34, 64, 20


def kind(layer: keras.layers.Layer) -> str:
    """Name of the class, whatever the dimension."""
    return type(layer).__name__.removesuffix("2D").removesuffix("3D")


def sources(layer: keras.layers.Layer) -> list:
    """Tensors that a layer takes."""
    given = layer.input
    return list(given) if isinstance(given, list | tuple) else [given]


class Picture:
    """Places of the boxes of one model, and the SVG text."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.made_by = {id(layer.output): layer for layer in model.layers}
        self.drawn = [layer for layer in model.layers if kind(layer) not in QUIET]
        self.before = {layer.name: self._before(layer) for layer in self.drawn}
        self.column = {}
        for layer in self.drawn:
            self.column[layer.name] = max((self.column[name] + 1 for name in self.before[layer.name]), default=0)
        last = max(self.column.values())
        # An input that is used late (the mask) stands next to where it is used.
        for layer in self.drawn:
            used = [self.column[n] for n, names in self.before.items() if layer.name in names]
            if kind(layer) == "InputLayer" and layer.name == "mask":
                self.column[layer.name] = min(used, default=last) - 1
        self.extent = {layer.name: layer.output.shape[1] for layer in self.drawn}
        self.row = self._rows()

    def _before(self, layer: keras.layers.Layer) -> list[str]:
        """Names of the drawn layers that feed a layer."""
        if kind(layer) == "InputLayer":
            return []
        found = []
        for tensor in sources(layer):
            maker = self.made_by[id(tensor)]
            while kind(maker) in QUIET:
                maker = self.made_by[id(sources(maker)[0])]
            found.append(maker.name)
        return found

    def _rows(self) -> dict[str, int]:
        """A row a box: one for each resolution, the finest above; the next where the place is taken."""
        spacing = {}
        for layer in self.drawn:
            before = min((spacing[name] for name in self.before[layer.name]), default=1)
            spacing[layer.name] = max(1, before * RESOLUTION.get(kind(layer), lambda _: 1)(layer))
            if kind(layer) == "BilinearUpsampling":
                spacing[layer.name] = 1
        rows, taken, levels = {}, set(), sorted(set(spacing.values()))
        for layer in self.drawn:
            place = (self.column[layer.name], levels.index(spacing[layer.name]))
            while place in taken:
                place = (place[0], place[1] + 1)
            taken.add(place)
            rows[layer.name] = place[1]
        return rows

    def svg(self) -> str:
        """Return the picture."""
        width = max(STEP * (max(self.column.values()) + 1) + 40, 700)
        height = TOP + 78 * (max(self.row.values()) + 1) + 20
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'font-family="sans-serif" font-size="9">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<text x="20" y="18" font-size="13">{escape(self._title())}</text>',
            *self._legend(),
        ]
        for name, names in self.before.items():
            lines += [self._line(source, name) for source in names]
        lines += [self._box(layer) for layer in self.drawn]
        return "\n".join([*lines, "</svg>", ""])

    def _title(self) -> str:
        size = "x".join(map(str, self.model.inputs[0].shape[1:-1]))
        out = "x".join(map(str, self.model.outputs[0].shape[1:-1]))
        trained = sum(math.prod(w.shape) for w in self.model.trainable_weights)
        return f"{self.model.name}: {size} to {out}, {trained:,} trained parameters"

    def _legend(self) -> list[str]:
        lines, x, named = [], 20, set()
        for layer in self.drawn:
            what = NAMES.get(kind(layer), "joined or added")
            if what in named:
                continue
            named.add(what)
            colour = COLOURS.get(kind(layer), "#dddddd")
            lines.append(f'<rect x="{x}" y="28" width="9" height="9" fill="{colour}"/>')
            lines.append(f'<text x="{x + 12}" y="36">{what}</text>')
            x += 28 + 5 * len(what)
        return lines

    def _place(self, name: str) -> tuple[float, float, float]:
        """Left edge, middle and half height of a box."""
        biggest = math.log(max(self.extent.values()) + 1)
        half = 7 + 20 * math.log(self.extent[name] + 1) / biggest
        return 20 + STEP * self.column[name], TOP + 39 + 78 * self.row[name], half

    def _line(self, source: str, target: str) -> str:
        (x, y, _), (u, v, _) = self._place(source), self._place(target)
        x += BOX
        bend = min(STEP, (u - x) / 2 + 7)
        path = f"M{x:.0f},{y:.0f} C{x + bend:.0f},{y:.0f} {u - bend:.0f},{v:.0f} {u:.0f},{v:.0f}"
        return f'<path d="{path}" fill="none" stroke="#999999" stroke-width="1.2"/>'

    def _box(self, layer: keras.layers.Layer) -> str:
        x, y, half = self._place(layer.name)
        colour = COLOURS.get(kind(layer), "#dddddd")
        size = "x".join(map(str, layer.output.shape[1:-1]))
        return (
            f"<g><title>{escape(layer.name)}: {size}, {layer.output.shape[-1]} channels</title>"
            f'<rect x="{x}" y="{y - half:.0f}" width="{BOX}" height="{2 * half:.0f}" rx="2" fill="{colour}"/>'
            f'<text x="{x + BOX / 2:.0f}" y="{y + half + 10:.0f}" text-anchor="middle">{layer.output.shape[-1]}</text>'
            f'<text x="{x + BOX / 2:.0f}" y="{y - half - 3:.0f}" text-anchor="middle" fill="#555555">'
            f"{layer.output.shape[1]}</text></g>"
        )


def main() -> None:
    """Write one file a network."""
    FOLDER.mkdir(exist_ok=True)
    for name, build in NETWORKS.items():
        (FOLDER / f"{name}.svg").write_text(Picture(build()).svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
