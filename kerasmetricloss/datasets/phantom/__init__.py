"""Phantoms: synthetic data sets in the real layouts, whose truth is uncertain in a way that is known exactly."""

from kerasmetricloss.datasets.phantom.folder import ensure_phantom as ensure_phantom
from kerasmetricloss.datasets.phantom.folder import phantom_names as phantom_names
from kerasmetricloss.datasets.phantom.folder import write_phantom as write_phantom
from kerasmetricloss.datasets.phantom.posteriors import KnownPosterior as KnownPosterior
from kerasmetricloss.datasets.phantom.posteriors import load_posterior as load_posterior
