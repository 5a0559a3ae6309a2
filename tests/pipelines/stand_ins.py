"""Networks and cases that stand in for trained ones and real ones."""

from kerasmetricloss.datasets import Case
from kerasmetricloss.pipelines.inference import (
    Network,
    Reach,
)

UNET_3D = Reach((1,) * 3, (9,) * 3, (4,) * 3)


def bright(reach=UNET_3D, calls=None):
    """Says 1 where the normalised first channel is above 0."""
    crop = tuple(slice(m, -m if m else None) for m in reach.margin)

    def run(images, masks):
        if calls is not None:
            calls.append(images)
        return (images[(slice(None), *crop)][..., :1] > 0).astype("float32") * masks

    return Network(run, reach, 1)


def case_of(volume, name, file):
    channels = tuple(f"c{i}" for i in range(volume.image.shape[-1]))
    labels = tuple(f"l{i}" for i in range(volume.truth.shape[-1]))
    return Case(
        dataset="fake", id=name, group="g", channels=channels, labels=labels, files=(file,), reader=lambda _: volume
    )
