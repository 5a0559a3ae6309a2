"""Data sets as their owners distribute them: readers, the paper's sets as data, and phantoms in the same layouts."""

from kerasmetricloss.datasets.absent import left_out as left_out
from kerasmetricloss.datasets.case import Case as Case
from kerasmetricloss.datasets.case import DataError as DataError
from kerasmetricloss.datasets.case import Volume as Volume
from kerasmetricloss.datasets.catalog import CATALOG as CATALOG
from kerasmetricloss.datasets.catalog import DataSet as DataSet
from kerasmetricloss.datasets.catalog import MaskRule as MaskRule
from kerasmetricloss.datasets.opening import defaults_of as defaults_of
from kerasmetricloss.datasets.opening import names as names
from kerasmetricloss.datasets.opening import open_dataset as open_dataset
from kerasmetricloss.datasets.opening import settings_of as settings_of
from kerasmetricloss.datasets.opening import verify as verify
from kerasmetricloss.datasets.patterns import holds_scans as holds_scans
from kerasmetricloss.datasets.phantom import ensure_phantom as ensure_phantom
from kerasmetricloss.datasets.phantom import load_posterior as load_posterior
from kerasmetricloss.datasets.phantom import phantom_names as phantom_names
from kerasmetricloss.datasets.phantom import write_phantom as write_phantom
from kerasmetricloss.datasets.splits import Splits as Splits
from kerasmetricloss.datasets.splits import match_splits as match_splits
from kerasmetricloss.datasets.splits import read_splits as read_splits
