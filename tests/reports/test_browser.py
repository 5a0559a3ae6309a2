"""The page in a real browser, where one is installed: it fits a narrow screen and shows its pictures offline."""

import html
import re
import shutil
import subprocess

import pytest

from kerasmetricloss.reports import build_report

from .conftest import ALL, rows, write

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# the page is shown in frames of a phone's and a desktop's width: headless Chromium opens no window below 500
FRAMED = """<!DOCTYPE html><title>waiting</title><body style="margin:0">
 <iframe id="page" style="border:0;width:WIDTHpx;height:900px" srcdoc="PAGE"></iframe>
 <script>window.onload = () => { const shown = document.getElementById("page").contentDocument;
 document.title = JSON.stringify([shown.documentElement.scrollWidth, shown.documentElement.clientWidth,
 [...shown.images].filter(image => image.naturalWidth === 0).length, shown.images.length]) }</script>"""


def measured(tmp_path, text, width):
    """Width of the content, width of the frame, pictures that are not shown, pictures: in a real browser, offline."""
    page = tmp_path / "measured.html"
    framed = FRAMED.replace("WIDTH", str(width)).replace("PAGE", html.escape(text, quote=True))
    page.write_text(framed, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [BROWSER, *options, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1300,900", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return tuple(map(int, re.search(r"<title>\[([\d,]+)\]", done.stdout)[1].split(",")))


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_the_window_and_shows_its_pictures(tmp_path, width):
    losses = ["CE", "sDice", *(f"sTversky-0.{k}/0.{10 - k}" for k in range(1, 10))]
    text = build_report(write(tmp_path, rows(losses, metrics=ALL, group=3)), resamples=50).read_text(encoding="utf-8")
    wide, window, broken, pictures = measured(tmp_path, text, width)
    assert wide <= window <= width
    assert (broken, pictures) == (0, 2)  # boxes and sizes


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")
def test_many_chapters_fit_a_phone(tmp_path, several_study):
    text = (several_study / "report.html").read_text(encoding="utf-8")
    wide, window, broken, pictures = measured(tmp_path, text, 360)
    assert wide <= window <= 360
    assert broken == 0 < pictures
