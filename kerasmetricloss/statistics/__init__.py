"""Which loss is better, on the same cases: paired tests, intervals and the marks of the paper's tables.

Read `comparison` first; it asks `bootstrap` or `permutation` for p-values and `marking` for grey and italic.
`subgroups` follows object size (the paper's Fig. 4), `simulation` measures how often a test is wrong. Scores come in,
plain tables of numbers go out; nothing here needs Keras.
"""

from kerasmetricloss.statistics.comparison import GUESSED as GUESSED
from kerasmetricloss.statistics.comparison import Comparison as Comparison
from kerasmetricloss.statistics.comparison import compare as compare
from kerasmetricloss.statistics.marking import direction as direction
from kerasmetricloss.statistics.marking import mark as mark
from kerasmetricloss.statistics.notes import FEW_UNITS as FEW_UNITS
from kerasmetricloss.statistics.simulation import SIMULATED_RATES as SIMULATED_RATES
from kerasmetricloss.statistics.simulation import expected_false_positive_rate as expected_false_positive_rate
from kerasmetricloss.statistics.simulation import false_positive_rates as false_positive_rates
from kerasmetricloss.statistics.subgroups import SizeCurve as SizeCurve
from kerasmetricloss.statistics.subgroups import size_curve as size_curve
