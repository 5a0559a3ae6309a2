"""The page in a real browser, where one is installed: it fits a narrow screen and shows its pictures offline."""

import re
import shutil
import subprocess

import pytest

from kerasmetricloss.reports import build_report

from .conftest import ALL, rows, write

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MEASURE = """<script>window.onload = () => { document.title = JSON.stringify([
  document.documentElement.scrollWidth, window.innerWidth,
  [...document.images].filter(image => image.naturalWidth === 0).length, document.images.length]) }</script>"""


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [500, 1280])  # headless Chromium opens no window below 500
def test_the_page_fits_the_window_and_shows_its_pictures(tmp_path, width):
    losses = ["CE", "sDice", *(f"sTversky-0.{k}/0.{10 - k}" for k in range(1, 10))]
    text = build_report(write(tmp_path, rows(losses, metrics=ALL, group=3)), resamples=50).read_text(encoding="utf-8")
    page = tmp_path / "measured.html"
    page.write_text(text.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [BROWSER, *options, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    wide, window, broken, pictures = map(int, re.search(r"<title>\[([\d,]+)\]", done.stdout)[1].split(","))
    assert wide <= window
    assert (broken, pictures) == (0, 2)  # boxes and sizes
