"""Metric-sensitive losses and exact segmentation scores for Keras 3."""

from kerasmetricloss._version import __version__ as __version__
