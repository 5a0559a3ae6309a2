"""The site: the notebooks as they are stored, and the API from its docstrings. `make docs` builds it."""

import re
import shutil
from pathlib import Path

from kerasmetricloss import __version__

HERE = Path(__file__).parent
# Sphinx reads below this folder only; the copies are not in the repository.
COPIES = HERE / "notebooks"
shutil.rmtree(COPIES, ignore_errors=True)
COPIES.mkdir()
for notebook in sorted((HERE.parents[1] / "notebooks").glob("[0-9]*.ipynb")):
    shutil.copy(notebook, COPIES)

project = "kerasmetricloss"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
html_show_copyright = False
html_show_sourcelink = False
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["mystnb.unknown_mime_type"]
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
napoleon_use_ivar = True  # a field of a dataclass is described once
napoleon_numpy_docstring = False


def _plain(app, what, name, obj, options, lines):
    """Docstrings are plain text: |y| is a size, not a substitution, and p* no emphasis."""
    for number, line in enumerate(lines):
        if not re.match(r"\s*(>>>|\.\.\.)", line):
            parts = re.split(r"(``[^`]*``|`[^`]*`|:\w+:`[^`]*`)", line)
            lines[number] = "".join(p if p.startswith(("`", ":")) else _escaped(p) for p in parts)


def _escaped(text):
    return re.sub(r"(\||(?<!\*)\*(?![* ]))", r"\\\1", text)


def setup(app):
    """Escape before napoleon reads sections."""
    app.connect("autodoc-process-docstring", _plain, priority=400)
