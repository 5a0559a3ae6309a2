"""A corpus of broken picture folders: each is refused with case, file and mend, and nothing is written."""

import contextlib
import io
import os
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, open_dataset, verify

IMAGE, MASK = "Original/2.png", "Ground Truth/2.png"


def encoded(pixels, form="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, format=form, **options)
    return buffer.getvalue()


PICTURE = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
TRUTH = np.zeros((32, 48), dtype=np.uint8)
TRUTH[8:20, 10:30] = 255
GOOD, GOOD_MASK = encoded(PICTURE), encoded(TRUTH)


def nan_tiff():
    pixels = np.zeros((32, 48), np.float32)
    pixels[3, 4] = np.nan
    return encoded(pixels, "TIFF")


def two_frames():
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, format="TIFF", save_all=True, append_images=[Image.fromarray(PICTURE)])
    return buffer.getvalue()


def flipped(data):
    """A PNG with a wrong check sum: one byte of its pixels was changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


# What each file holds instead of a good picture, and what the error must say.
CONTENTS = {
    "empty image": (IMAGE, b"", "cannot be decoded"),
    "truncated image": (IMAGE, GOOD[: len(GOOD) // 2], "cannot be decoded"),
    "image cut in its header": (IMAGE, GOOD[:20], "cannot be decoded"),
    "damaged image": (IMAGE, flipped(GOOD), "cannot be decoded"),
    "text posing as an image": (IMAGE, b"<html>404 Not Found</html>", "cannot be decoded"),
    "pickle posing as an image": (IMAGE, pickle.dumps({"a": 1}), "cannot be decoded"),
    "truncated jpeg": (IMAGE, encoded(PICTURE, "JPEG")[:300], "cannot be decoded"),
    "truncated tiff": (IMAGE, encoded(PICTURE, "TIFF")[:300], "cannot be decoded"),
    "several frames": (IMAGE, two_frames(), "2 pictures in one file"),
    "nan image": (IMAGE, nan_tiff(), "1 of 1 values|NaN or infinite"),
    "empty mask file": (MASK, b"", "cannot be decoded"),
    "truncated mask": (MASK, GOOD_MASK[: len(GOOD_MASK) - 30], "cannot be decoded"),
    "nan mask": (MASK, nan_tiff(), "NaN or infinite"),
    "smaller mask": (MASK, encoded(TRUTH[:, :40]), "the mask is 40x32, its image 2.png is 48x32"),
    "turned mask": (MASK, encoded(TRUTH.T), "the mask is 32x48, its image 2.png is 48x32"),
    "label numbers": (MASK, encoded((TRUTH // 255) * 3 + (TRUTH.T[:1, :1] + 1)), "neither 0/1 nor 0/255"),
    "dark jpeg mask": (MASK, encoded(TRUTH // 4, "JPEG"), "neither 0/1 nor 0/255"),
    "colours without black": (MASK, encoded(np.dstack([TRUTH, 255 - TRUTH, TRUTH])), "colours but no black"),
}


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "Bilder été"
    for name in ("1", "2", "10"):
        for folder, data in (("Original", GOOD), ("Ground Truth", GOOD_MASK)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"{name}.png").write_bytes(data)
    return root


def refused(root, match, *, case, file):
    before = sorted(str(path) for path in root.rglob("*"))
    with pytest.raises(DataError, match=match) as error:
        verify(open_dataset("po18", root))
    assert error.value.case == case
    assert str(error.value.file) == str(root / file)
    assert error.value.mend
    assert "\n" not in str(error.value)
    assert sorted(str(path) for path in root.rglob("*")) == before


def test_the_folder_is_good_before_it_is_broken(root):
    verify(open_dataset("po18", root))


@pytest.mark.parametrize("fault", CONTENTS)
def test_a_file_with_the_wrong_content_is_refused(root, fault):
    file, data, message = CONTENTS[fault]
    (root / file).write_bytes(data)
    refused(root, message, case="2", file=file)


def turned(data, orientation, form="PNG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, format=form, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(("image", "mask"), [(3, 1), (2, 1), (1, 4), (2, 3)])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_an_image_that_its_exif_data_turn_and_a_mask_that_they_do_not_are_refused(root, form, image, mask):
    (root / IMAGE).write_bytes(turned(GOOD, image, form))
    (root / MASK).write_bytes(turned(GOOD_MASK, mask))
    message = rf"EXIF data say orientation {mask}, those of 2\.png {image}: .*; save both turned upright"
    refused(root, message, case="2", file=MASK)


def test_both_turned_alike_and_a_mask_made_from_the_turned_image_are_read(root):
    (root / IMAGE).write_bytes(turned(GOOD, 3))
    (root / MASK).write_bytes(turned(GOOD_MASK, 3))
    volume = open_dataset("po18", root)[1].read()
    np.testing.assert_array_equal(volume.image, PICTURE[::-1, ::-1])
    np.testing.assert_array_equal(volume.truth[..., 0], TRUTH[::-1, ::-1] == 255)
    (root / IMAGE).write_bytes(turned(encoded(np.rot90(PICTURE)), 6))  # 6: to be shown turned to the right
    (root / MASK).write_bytes(GOOD_MASK)
    np.testing.assert_array_equal(open_dataset("po18", root)[1].read().image, PICTURE)


@pytest.mark.parametrize("file", [IMAGE, MASK])
def test_a_folder_in_the_place_of_a_file_is_refused(root, file):
    (root / file).unlink()
    (root / file).mkdir()
    refused(root, "is a folder", case="2", file=file)


@pytest.mark.parametrize("target", ["nowhere.png", "2.png"])
def test_a_broken_link_or_one_to_itself_is_refused(root, target):
    (root / IMAGE).unlink()
    (root / IMAGE).symlink_to(target)
    refused(root, "does not exist or is a broken link", case="2", file=IMAGE)


def test_a_missing_mask_is_refused(root):
    (root / MASK).unlink()
    refused(
        root, r"the image 2\.png has no mask; add the mask to .*Ground Truth, or take", case="2", file="Ground Truth"
    )


def test_a_mask_without_its_image_is_refused(root):
    (root / IMAGE).unlink()
    refused(root, r"the mask 2\.png has no image", case="2", file="Original")


def test_two_files_of_one_name_are_refused(root):
    (root / "Original/2.JPG").write_bytes(encoded(PICTURE, "JPEG"))
    refused(root, r"are both case 2; keep one", case=None, file="Original")


def test_folders_without_pictures_are_refused(root):
    for path in [*root.glob("*/*.png")]:
        path.unlink()
    (root / "Original" / "readme.txt").touch()
    refused(root, "holds no pictures", case=None, file="Original")


def test_a_missing_folder_of_masks_is_refused(root):
    for path in root.glob("Ground Truth/*"):
        path.unlink()
    (root / "Ground Truth").rmdir()
    refused(root, "expected 'Original' and 'Ground Truth' or 'images' and 'masks'", case=None, file="")


@pytest.fixture
def as_nobody(root):
    """Read as another user for the length of a test: root reads whatever the permissions say."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("root alone can become another user")
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        copy = shutil.copytree(root, Path(shared) / "data")

        @contextlib.contextmanager
        def nobody():
            os.seteuid(65534)
            try:
                yield
            finally:
                os.seteuid(0)

        yield copy, nobody


def test_a_file_without_permission_is_refused(as_nobody):
    root, nobody = as_nobody
    (root / IMAGE).chmod(0)
    with nobody(), pytest.raises(DataError, match=r"^case 2: .*2\.png: the file may not be read; change its perm"):
        verify(open_dataset("po18", root))


def test_a_folder_without_permission_is_refused(as_nobody):
    root, nobody = as_nobody
    (root / "Original").chmod(0)
    with (
        nobody(),
        pytest.raises(DataError, match=r"Original: the folder cannot be listed \(Permission denied\); check"),
    ):
        open_dataset("po18", root)
