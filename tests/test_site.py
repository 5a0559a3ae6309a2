"""The check of the built site finds what leads nowhere."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from check_site import broken_links

sys.path.pop(0)


@pytest.mark.parametrize(
    ("link", "broken"),
    [
        ("other.html", False),
        ("other.html#here", False),
        ("#top", False),
        ("folder/", False),
        ("a%20picture.png", False),
        ("https://example.org/nowhere", False),
        ("mailto:nobody@example.org", False),
        ("another.html", True),
        ("other.html#there", True),
        ("#bottom", True),
        ("missing.png", True),
    ],
)
def test_links_are_followed_on_disk(tmp_path, link, broken):
    (tmp_path / "page.html").write_text(f'<h1 id="top"><a href="{link}"><img src="a%20picture.png"></a>')
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").touch()
    (tmp_path / "a picture.png").touch()
    assert broken_links(tmp_path) == ([f"page.html -> {link}"] if broken else [])
