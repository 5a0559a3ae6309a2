"""`kerasmetricloss prepare`: what it leaves in the cache, what it prints, what it refuses."""

import numpy as np
import pytest

from kerasmetricloss.cli import main
from kerasmetricloss.datasets import open_dataset, write_phantom
from kerasmetricloss.pipelines import Preparation, channel_statistics, prepare_all


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "po18"
    write_phantom("po18", root, cases=3, seed=0, size=(40, 36))
    return root


def command(root, cache, *options, dataset="po18"):
    main(["prepare", "--dataset", dataset, "--root", str(root), "--cache", str(cache), *options])


SMALL = ("--picture-size", "28x20", "--output-size", "20x28", "--margin", "2")


def test_trainings_find_in_the_cache_what_was_prepared(pictures, tmp_path, capsys):
    cache = tmp_path / "cache"
    command(pictures, cache, *SMALL)
    printed = capsys.readouterr()
    assert f"3 cases of 20x28 voxels in {cache}: 3 made, 0 found there" in printed.out
    assert "preparing (3)" in printed.err
    entries = set(cache.iterdir())
    preparation = Preparation(picture_size=(28, 20), output_size=(20, 28), margin=2)
    prepared = prepare_all(open_dataset("po18", pictures), preparation, cache_dir=cache)
    assert set(cache.iterdir()) == entries
    assert isinstance(prepared[0].image, np.memmap)
    mean, deviation = (float(values[0]) for values in channel_statistics(prepared))
    assert f"mean {mean:.6g}, standard deviation {deviation:.6g} inside the masks" in printed.out
    command(pictures, cache, *SMALL)
    assert "0 made, 3 found there" in capsys.readouterr().out


def test_pruning_deletes_the_entries_of_other_settings(pictures, tmp_path, capsys):
    cache = tmp_path / "cache"
    command(pictures, cache, *SMALL)
    command(pictures, cache, *SMALL[:-1], "3", "--prune")

    assert "3 other entries deleted" in capsys.readouterr().out
    assert len(list(cache.iterdir())) == 3


def test_a_scan_gets_the_papers_grid_and_box_and_its_constants_stand_beside(tmp_path, capsys):
    root = tmp_path / "br18"
    write_phantom("br18", root, cases=1, seed=0, size=(40, 38, 36))
    command(root, tmp_path / "cache", dataset="br18")
    printed = capsys.readouterr().out
    assert "1 cases of 136x136x82 voxels" in printed
    assert "(the authors': 420.885, 1320.645)" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output-size", "20"), "no box"),
        (("--spacing-mm", "-1"), "spacing_mm is -1.0; it must be a positive length"),
        (("--spacing-mm", "2", "--picture-size", "none"), "no size"),
    ],
)
def test_settings_that_cannot_be_are_one_line_and_nothing_is_written(pictures, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        command(pictures, tmp_path / "cache", *options)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_a_folder_needs_a_box(pictures, tmp_path, capsys):
    patterns = ("--images", "Original/*", "--truth", "Ground Truth/*")
    with pytest.raises(SystemExit) as stop:
        command(pictures, tmp_path / "cache", *patterns, dataset="folder")
    assert stop.value.code == 2
    assert "add --output-size" in capsys.readouterr().err
