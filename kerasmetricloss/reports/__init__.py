"""From the scores of a study to its page: tables laid out as the paper's, figures, plain words.

`page.build_report` writes everything; `directory` reads a study, `findings` compares, `results` and `words` fill tables
and sentences, `figures` and `slices` draw, `tables` and `document` know the formats. Nothing here needs Keras.
"""

from kerasmetricloss.reports.page import build_report as build_report
from kerasmetricloss.reports.page import terminal_table as terminal_table
