"""Data sets as their owners distribute them: readers, the paper's sets as data, and phantoms in the same layouts."""

from kerasmetricloss.datasets.case import Case as Case
from kerasmetricloss.datasets.case import DataError as DataError
from kerasmetricloss.datasets.case import Volume as Volume
from kerasmetricloss.datasets.opening import names as names
from kerasmetricloss.datasets.opening import open_dataset as open_dataset
from kerasmetricloss.datasets.opening import verify as verify
