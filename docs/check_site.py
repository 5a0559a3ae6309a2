"""Every link and picture of the built site, followed: python docs/check_site.py build/site/html

Links between pages, to places on a page and to files are looked up on disk; with Chromium installed, each page is also
opened in it, offline, and each picture must show. Links to other sites are not followed.
"""

import html.parser
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COUNT = (
    "<script>window.addEventListener('load', () => { document.title = 'pictures ' + document.images.length + "
    "' broken ' + [...document.images].filter(one => one.naturalWidth === 0).length })</script>"
)


class Page(html.parser.HTMLParser):
    """The links of a page and the places on it that links can name."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to and the place that it is."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.places.add(value)


def broken_links(root: Path) -> list[str]:
    """Return each link of a page below the root that leads nowhere, as PAGE -> LINK."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            there = target.is_file()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].places
            if not there:
                broken.append(f"{path.relative_to(root)} -> {link}")
    return broken


def broken_pictures(root: Path, browser: str) -> list[str]:
    """Open every page in a browser, and return those with a picture that does not show."""

    def look(path: Path) -> tuple[str, int, int]:
        with tempfile.TemporaryDirectory() as profile:
            # Beside the page, so that its relative links hold.
            probe = path.with_name(f".{path.name}.probe.html")
            probe.write_text(path.read_text(encoding="utf-8") + COUNT, encoding="utf-8")
            try:
                options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
                command = [browser, *options, f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"]
                done = subprocess.run([*command, probe.as_uri()], capture_output=True, text=True, timeout=120)
            finally:
                probe.unlink()
        found = re.search(r"pictures (\d+) broken (\d+)", done.stdout)
        pictures, broken = map(int, found.groups()) if found else (0, -1)
        return str(path.relative_to(root)), pictures, broken

    with ThreadPoolExecutor(2) as pool:
        looked = list(pool.map(look, sorted(root.rglob("*.html"))))
    print(f"{len(looked)} pages opened in {Path(browser).name}: {sum(pictures for _, pictures, _ in looked)} pictures")
    return [
        f"{page}: " + (f"{broken} broken pictures" if broken > 0 else "did not load")
        for page, _, broken in looked
        if broken
    ]


def main() -> None:
    """Print what is broken, and exit with 1 if anything is."""
    root = Path(sys.argv[1]).resolve()
    problems = broken_links(root)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium here (apt-get install chromium): pages were not opened, links only were looked up")
    else:
        problems += broken_pictures(root, browser)
    print("\n".join(problems) or f"every link of {len(list(root.rglob('*.html')))} pages leads somewhere")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
