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


def test_a_channel_that_one_case_lacks_is_told_with_the_mask_that_is_made_without_it(tmp_path, capsys):
    root = tmp_path / "br18"
    write_phantom("br18", root, cases=3, seed=0, size=(36, 34, 32))
    (first, *_), *_ = (case.files for case in open_dataset("br18", root))
    first.unlink()  # FLAIR
    command(root, tmp_path / "cache", "--output-size", "12x12x10", dataset="br18")
    printed = capsys.readouterr().out
    assert f"left out of every case, because some lack them: FLAIR (case {first.parent.name})\n" in printed
    assert "the output mask is T1 > 0, not FLAIR > 0\n" in printed
    command(root, tmp_path / "cache", "--output-size", "12x12x10", "--channels", "T1", dataset="br18")
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output-size", "20"), "no box"),
        (("--spacing-mm", "-1"), "spacing_mm is -1.0; it must be a positive length"),
        (("--spacing-mm", "2", "--picture-size", "none"), "no size"),
        (("--output-size", "100000x100000x10000"), "a box of 100000x100000x10000 has more than 2**31 voxels"),
        (("--output-size", "20x28", "--margin", "40000"), "output_size and margin: a box of 80020x80028 has more than"),
        (("--picture-size", "3000000x3000000"), "picture_size: a box of 3000000x3000000 has more than 2**31"),
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


def test_a_full_memory_is_one_line(pictures, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise MemoryError("Unable to allocate 8 TiB")

    monkeypatch.setattr("kerasmetricloss.pipelines.prepare_all", full)
    with pytest.raises(SystemExit) as stop:
        command(pictures, tmp_path / "cache", *SMALL)
    assert stop.value.code == 2
    assert "the memory is full (Unable to allocate 8 TiB). Choose a smaller box" in capsys.readouterr().err
