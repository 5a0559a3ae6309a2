"""Streaming Keras metrics: one value a case, and their mean."""

from kerasmetricloss.metrics.overlap import DiceScore as DiceScore
from kerasmetricloss.metrics.overlap import FBetaScore as FBetaScore
from kerasmetricloss.metrics.overlap import JaccardIndex as JaccardIndex
from kerasmetricloss.metrics.overlap import TverskyIndex as TverskyIndex
