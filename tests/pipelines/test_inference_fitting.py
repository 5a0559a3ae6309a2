"""The tile of an image that does not fit: the fewest voxels through the network, in the memory that there is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.pipelines.inference import Reach
from kerasmetricloss.pipelines.inference.fitting import fitting_tile
from kerasmetricloss.pipelines.inference.tiles import starts

UNET = Reach((1,) * 3, (27,) * 3, (13,) * 3)


def computed(space, tile, reach, overlap=0.5):
    """Voxels that the network is given for an image."""
    axes = zip(space, tile, reach.step, strict=True)
    count = math.prod(len(starts(n, t, step=step or 1, overlap=overlap)) for n, t, step in axes)
    return count * math.prod(reach.input_of(tile))


def test_what_fits_is_one_tile():
    assert fitting_tile((100, 90, 80), UNET, overlap=0.5, voxels=135**3) == (109, 109, 82)


@pytest.mark.parametrize(
    ("space", "side"), [((128, 128, 96), 64), ((240, 240, 155), 96), ((512, 512, 120), 128), ((100, 100, 100), 64)]
)
def test_it_computes_less_than_cubes_of_the_same_memory(space, side):
    # MONAI's tiles: cubes, each half over the next, the last moved back into the image.
    cubes = math.prod(-(-(n - side) // (side // 2)) + 1 for n in space) * side**3
    tile = fitting_tile(space, Reach.same(3), overlap=0.5, voxels=side**3)
    assert math.prod(tile) <= side**3
    assert min(tile) >= side / 2
    assert computed(space, tile, Reach.same(3)) < 0.9 * cubes


@given(
    space=st.tuples(st.integers(1, 60), st.integers(1, 40)),
    smallest=st.integers(1, 9),
    step=st.integers(0, 9),
    margin=st.integers(0, 4),
    voxels=st.integers(1, 2000),
    overlap=st.sampled_from([0.0, 0.5, 0.9]),
)
@settings(max_examples=150, deadline=None)
def test_it_is_a_size_of_the_network_that_keeps_to_the_voxels_where_any_does(
    space, smallest, step, margin, voxels, overlap
):
    reach = Reach((smallest,) * 2, (step,) * 2, (margin,) * 2)
    tile = fitting_tile(space, reach, overlap=overlap, voxels=voxels)
    assert tile == reach.output_for(tile)
    assert all(t >= step for t in tile)
    least = reach.output_for(np.maximum(1, reach.step))
    if math.prod(reach.input_of(least)) <= voxels:
        assert math.prod(reach.input_of(tile)) <= voxels
    else:
        assert tile == least
