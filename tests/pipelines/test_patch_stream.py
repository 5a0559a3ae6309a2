import dataclasses
import json
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import Augmentation, Patches, Prepared, memory
from kerasmetricloss.pipelines.patch_stream import PatchStream
from kerasmetricloss.pipelines.patches import cut

GOLDEN = Path(__file__).parent / "batches.json"
STILL = Augmentation(rotation_std=0.0, translation_std=(0.0,) * 3, flip=0.0, intensity_shift_std=0.0)
PLAIN = {"shift": np.zeros(1), "scale": np.ones(1)}
MOVING = Augmentation(rotation_std=0.5, translation_std=(1.0, 1.0, 1.0), noise_std=0.0, intensity_scale_std=0.0)


def numbered(count, size=(10, 8, 6), *, case_margin=0):
    """Cases whose voxels hold 1000 times the case and their own number, with two voxels of foreground each."""
    cases = []
    for i in range(count):
        out = tuple(n - 2 * case_margin for n in size)
        truth = np.zeros((*out, 1), "uint8")
        truth[2, 1, 0] = truth[2, 1, 1] = 1
        mask = np.ones((*out, 1), "uint8")
        mask[0] = 0
        image = (np.arange(np.prod(size)).reshape(*size, 1) + 1000.0 * i).astype("float32")
        cases.append(Prepared(str(i), image, truth, mask, None))
    return cases


def stream(prepared, patches, **changes):
    return PatchStream(prepared=prepared, patches=patches, **{**PLAIN, "batch": 12, "seed": 3, **changes})


def test_image_truth_and_mask_are_cut_at_one_place():
    prepared = numbered(2, case_margin=1)
    patches = Patches(output_size=(3, 2, 3), margin=2, volumes=2)
    batches = stream(prepared, patches)
    positions, starts, _ = batches.places(0)
    raw = batches.raw(0)
    assert raw["image"].shape == (12, 7, 6, 7, 1)
    assert raw["truth"].shape == raw["mask"].shape == (12, 3, 2, 3, 1)
    for i, position in enumerate(positions):
        case = prepared[position]
        # The truth's voxel (0, 0, 0) lies at (1, 1, 1) of the image, and the patch's image begins 2 before its truth.
        np.testing.assert_array_equal(
            raw["image"][i], cut(case.image, starts["truth"][i : i + 1] + 1 - 2, (7, 6, 7))[0]
        )
        np.testing.assert_array_equal(raw["truth"][i], cut(case.truth, starts["truth"][i : i + 1], (3, 2, 3))[0])


def test_centres_lie_inside_the_mask_and_fall_on_every_voxel_alike():
    prepared = numbered(1, (4, 3, 2))
    batches = stream(prepared, Patches(output_size=(1, 1, 1)), batch=1800)
    voxels = batches.raw(0)["image"].ravel().astype(int)
    # 18 of 24 voxels lie in the mask: 100 centres each, of standard deviation 10; the largest of 18 stays below 4.
    counts = np.bincount(voxels, minlength=24)
    assert not counts[:6].any()
    assert np.abs(counts[6:] - 100).max() < 40


def test_half_of_the_centres_are_foreground_when_balanced():
    batches = stream(numbered(2), Patches(output_size=(1, 1, 1), foreground=0.5, volumes=2), batch=1000)
    # Standard deviation of the share: sqrt(.25 / 1000) = .016.
    assert batches.raw(0)["truth"].mean() == pytest.approx(0.5, abs=0.064)


def test_a_case_without_foreground_gives_background():
    prepared = numbered(1)
    prepared[0].truth[:] = 0
    assert not stream(prepared, Patches(output_size=(1, 1, 1), foreground=1.0)).raw(0)["truth"].any()


def test_a_batch_is_cut_evenly_from_few_cases_and_an_epoch_opens_each_case_once():
    prepared = numbered(5)
    batches = stream(prepared, Patches(output_size=(3, 3, 3), volumes=2, repeats=3), batch=7)
    assert batches.steps == 3 * 3
    seen = []
    for step in range(9):
        epoch, positions = batches.cases(step)
        assert epoch == 0
        counts = np.unique(positions, return_counts=True)[1]
        assert len(counts) <= 2
        assert np.ptp(counts) <= 1
        seen.append(tuple(np.unique(positions)))
    assert seen[0] == seen[1] == seen[2] != seen[3]
    assert sorted(sum(seen[::3], ())) == [0, 1, 2, 3, 4]
    for step in range(9):
        batches.raw(step)
    assert batches._open.cache_info().misses == 5


@pytest.mark.parametrize(
    ("cases", "volumes", "batch", "repeats"), [(8, 4, 1, 1), (8, 4, 3, 1), (6, 2, 3, 1), (6, 3, 2, 6)]
)
def test_no_case_is_shown_more_often_than_another(cases, volumes, batch, repeats):
    batches = stream(numbered(cases), Patches(output_size=(3, 3, 3), volumes=volumes, repeats=repeats), batch=batch)
    epochs = 300
    shown = np.concatenate([batches.cases(step)[1] for step in range(epochs * batches.steps)])
    expected = epochs * batches.steps * batch / cases
    # A case is shown as often as expected or once more or less an epoch, by chance: 4 standard deviations.
    assert np.abs(np.bincount(shown, minlength=cases) - expected).max() < 4 * 0.5 * np.sqrt(epochs)


def test_an_epoch_shows_no_case_much_more_often_where_the_groups_cannot_be_of_one_size():
    batches = stream(numbered(5), Patches(output_size=(3, 3, 3), volumes=4, repeats=5), batch=8)
    shown = np.concatenate([batches.cases(step)[1] for step in range(batches.steps)])
    # A group of three and one of two, of 40 patches each.
    assert sorted(np.bincount(shown).tolist()) == [13, 13, 14, 20, 20]


@pytest.mark.parametrize("foreground", [None, 0.5, 1.0])
def test_augmentation_leaves_the_centres_where_they_were_drawn(foreground):
    prepared, patches = numbered(2), Patches(output_size=(3, 3, 3), foreground=foreground, volumes=2)
    still, moved = (stream(prepared, patches, augmentation=a, batch=400) for a in (None, Augmentation()))
    centres = [s.places(0)[1]["truth"] + np.array(s.slack) + 1 for s in (still, moved)]
    np.testing.assert_array_equal(*centres)
    positions, _, drawn = moved.places(0)
    assert np.abs(drawn["motion"]).max() <= 0.5
    inside = [prepared[p].truth[tuple(c)][0] for p, c in zip(positions, centres[1], strict=True)]
    assert np.mean(inside) == pytest.approx(foreground or 0, abs=0.1)


def test_small_batches_take_up_the_group_where_the_one_before_left_it():
    batches = stream(numbered(4), Patches(output_size=(3, 3, 3), volumes=4, repeats=4), batch=3)
    shown = np.concatenate([batches.cases(step)[1] for step in range(4)])
    assert np.bincount(shown).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(("name", "content"), [("image", "channels"), ("truth", "labels")])
def test_cases_of_other_channels_or_labels_are_refused(name, content):
    prepared = numbered(2)
    doubled = np.concatenate([getattr(prepared[1], name)] * 2, axis=-1)
    prepared[1] = dataclasses.replace(prepared[1], **{name: doubled})
    with pytest.raises(DataError, match=f"the {name} has 2 {content}, but that of .* has 1"):
        stream(prepared, Patches(output_size=(3, 3, 3)))


def test_repeats_cut_other_patches_of_the_same_cases():
    batches = stream(numbered(2), Patches(output_size=(3, 3, 3), volumes=2, repeats=2))
    assert not np.array_equal(batches.raw(0)["image"], batches.raw(1)["image"])


def test_cases_may_be_smaller_than_a_patch_and_differ_in_size():
    prepared = [*numbered(1, (4, 3, 2)), *numbered(1, (12, 9, 8))]
    raw = stream(prepared, Patches(output_size=(15, 15, 15), volumes=2)).raw(0)
    assert raw["image"].shape == (12, 15, 15, 15, 1)
    assert (raw["mask"].sum(axis=(1, 2, 3, 4)) > 0).all()
    # All of the smaller case fits: its 18 voxels of mask.
    assert set(raw["mask"][:6].sum(axis=(1, 2, 3, 4))) == {18}


@pytest.mark.parametrize("voxel_mm", [None, (1.0, 2.0, 3.0)])
@pytest.mark.parametrize("in_plane", [True, False])
def test_a_patch_moves_as_the_volume_around_it(in_plane, voxel_mm):
    # A plane of intensities stays a plane: within the volume, every voxel of a moved patch is the plane at its source.
    size = (80, 56, 50)
    grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
    image = (grid @ np.array([1.0, 0.1, 0.01]))[..., None].astype("float32")
    mask = np.zeros((*size, 1), "uint8")
    mask[35:45, 25:30, 22:28] = 1
    prepared = [Prepared("1", image, mask, mask, voxel_mm)]
    rotation = 0.5 if in_plane else (0.5, 0.5, 0.5)
    augmentation = Augmentation(
        rotation_std=rotation, translation_std=(1.0, 1.0, 1.0), noise_std=0.0, intensity_scale_std=0.0,
        intensity_shift_std=0.0,
    )  # fmt: skip
    patches = Patches(output_size=(7, 5, 3), margin=2)
    batches = stream(prepared, patches, augmentation=augmentation, batch=5)
    _, starts, drawn = batches.places(0)
    sizes = np.array(voxel_mm or (1, 1, 1))
    in_mm = drawn["matrix"] * sizes[:, None] / sizes
    np.testing.assert_allclose(in_mm @ in_mm.swapaxes(1, 2), np.broadcast_to(np.eye(3), (5, 3, 3)), atol=2e-3)
    moved = memory.patch_batches(prepared, patches, **PLAIN, batch=5, seed=3, augmentation=augmentation)[0][0][0]
    offsets = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in (11, 9, 7)), indexing="ij"), -1)
    cut_size = np.array((11, 9, 7)) + 2 * np.array(batches.slack)
    for i in range(5):
        source = offsets @ drawn["matrix"][i].T + drawn["motion"][i] + starts["image"][i] + (cut_size - 1) / 2
        np.testing.assert_allclose(moved[i, ..., 0], source @ [1.0, 0.1, 0.01], atol=1e-3)


def test_without_motion_nothing_is_cut_larger():
    assert stream(numbered(1), Patches(output_size=(3, 3, 3)), augmentation=STILL).slack == (0, 0, 0)


def test_a_seed_gives_the_same_patches_also_when_resumed_and_another_seed_others():
    prepared = numbered(3)
    patches = Patches(output_size=(4, 3, 2), margin=1, volumes=2, foreground=0.5)
    common = {**PLAIN, "batch": 4, "augmentation": MOVING}
    whole, resumed, other = (
        memory.patch_batches(prepared, patches, **common, seed=seed, first_epoch=epoch)
        for seed, epoch in ((1, 0), (1, 2), (2, 0))
    )
    np.testing.assert_array_equal(whole[4][0][0], resumed[0][0][0])
    np.testing.assert_array_equal(whole[5][1], resumed[1][1])
    assert not np.array_equal(whole[0][0][0], other[0][0][0])


def test_every_backend_gives_the_patches_kept_here(make_prepared):
    prepared = make_prepared(3, (12, 11, 10))
    common = {"shift": np.array([5.0, 4.0]), "scale": np.array([3.0, 2.0]), "batch": 3, "seed": 5}
    augmentation = Augmentation(translation_std=(1.0, 1.0, 0.5))
    patches = Patches(output_size=(4, 3, 2), margin=1, volumes=2, foreground=0.5)
    (image, mask), truth = memory.patch_batches(prepared, patches, **common, augmentation=augmentation)[3]
    kept = json.loads(GOLDEN.read_text())["patches"]
    np.testing.assert_allclose(image[1].ravel(), kept["image"], atol=1e-5)
    assert mask[1].ravel().astype(int).tolist() == kept["mask"]
    assert truth[1].ravel().astype(int).tolist() == kept["truth"]


@pytest.mark.parametrize(
    ("patches", "size", "batch"),
    [
        (Patches(output_size=(15, 15, 15), margin=24, volumes=4), (20, 18, 16), 64),
        (Patches(output_size=(136, 136, 82), margin=13, volumes=2), (30, 26, 24), 2),
    ],
    ids=["DeepMedic", "U-Net"],
)
def test_the_sizes_of_the_paper_come_from_the_same_code(patches, size, batch):
    (image, mask), truth = memory.patch_batches(numbered(4, size), patches, **PLAIN, batch=batch)[0]
    assert image.shape == (batch, *patches.input_size, 1)
    assert mask.shape == truth.shape == (batch, *patches.output_size, 1)
    assert mask.any(axis=(1, 2, 3, 4)).all()


def test_fit_takes_them():
    inputs = keras.Input((5, 4, 3, 1)), keras.Input((3, 2, 1, 1))
    output = keras.layers.Conv3D(1, 3, activation="sigmoid")(inputs[0]) * inputs[1]
    net = keras.Model(inputs, output)
    net.compile("sgd", "binary_crossentropy")
    patches = Patches(output_size=(3, 2, 1), margin=1)
    batches = memory.patch_batches(numbered(2), patches, shift=np.array([500.0]), scale=np.array([500.0]), batch=8)
    history = net.fit(batches, steps_per_epoch=1, epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_an_empty_mask_is_named_before_any_patch_is_cut():
    prepared = numbered(2)
    prepared[1].mask[:] = 0
    with pytest.raises(DataError, match="case 1: the mask is empty, so no patch has a centre; leave the case out"):
        stream(prepared, Patches(output_size=(3, 3, 3)))


def test_whole_cases_for_a_device_have_one_shape():
    prepared = [*numbered(1), *numbered(1, (9, 8, 7))]
    with pytest.raises(DataError, match="prepare all cases with one preparation, or cut on the host"):
        stream(prepared, Patches(output_size=(3, 3, 3), volumes=2)).volumes(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0}, "batches of 0"),
        ({"prepared": []}, "0 cases"),
        ({"shift": np.zeros(2)}, "shift has shape"),
        ({"patches": Patches(output_size=(3, 3))}, "but the images have 3 axes"),
    ],
)
def test_settings_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        stream(**{"prepared": numbered(1), "patches": Patches(output_size=(3, 3, 3)), **changes})


def test_memory_holds_the_volumes_of_a_batch_and_not_those_of_the_data_set(tmp_path):
    def peak(count):
        cases = [memory_mapped(tmp_path / f"{count}-{number}") for number in range(count)]
        patches = Patches(output_size=(4, 4, 4), volumes=2, repeats=1)
        stream = PatchStream(prepared=cases, shift=np.zeros(1), scale=np.ones(1), patches=patches, batch=2)
        tracemalloc.start()
        for step in range(count // 2):
            stream.raw(step)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    def memory_mapped(folder):
        folder.mkdir()
        arrays = {"image": np.ones((40, 40, 40, 1), "float32"), "truth": np.ones((40, 40, 40, 1), "uint8")}
        arrays["mask"] = arrays["truth"]
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        return Prepared("1", *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays), None)

    # Two groups of two volumes stay open: the one of this batch and its neighbour.
    assert peak(20) < 1.2 * peak(4)
