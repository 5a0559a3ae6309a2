"""From the scores of a study to its page: tables and figures laid out as the paper's, in plain words.

Read `page.build_report` first: it writes everything. `directory` reads a study, `layouts` says how the paper lays out
each of its tables and figures, `findings` compares, and each recipe becomes a chapter:

* `sections` (tables), `figure_sections` (figures made from scores) and `plain_sections` (figures that need none) say
  what stands where;
* `results`, `evidence` and `exports` fill tables, `published` holds the paper's numbers;
* `answers` and `words` write sentences, `provenance` tells how it was made;
* `figures`, `slices`, `agreement` and `theory_figures` draw on a `canvas`;
* `tables`, `document`, `style` and `stylesheet` know formats.

Nothing here needs Keras.
"""

from kerasmetricloss.reports.page import build_report as build_report
from kerasmetricloss.reports.page import terminal_table as terminal_table
