"""Streaming Keras metrics: one value a case, and their mean. Surface distances of plain arrays: `surface`."""

from kerasmetricloss.metrics import surface as surface
from kerasmetricloss.metrics.callback import ScoreAfterEpoch as ScoreAfterEpoch
from kerasmetricloss.metrics.distance import HausdorffDistance as HausdorffDistance
from kerasmetricloss.metrics.distance import NormalizedSurfaceDistance as NormalizedSurfaceDistance
from kerasmetricloss.metrics.hamming import Accuracy as Accuracy
from kerasmetricloss.metrics.hamming import HammingSimilarity as HammingSimilarity
from kerasmetricloss.metrics.hamming import WeightedHammingSimilarity as WeightedHammingSimilarity
from kerasmetricloss.metrics.overlap import DiceScore as DiceScore
from kerasmetricloss.metrics.overlap import FBetaScore as FBetaScore
from kerasmetricloss.metrics.overlap import JaccardIndex as JaccardIndex
from kerasmetricloss.metrics.overlap import TverskyIndex as TverskyIndex
from kerasmetricloss.metrics.volume import AbsoluteVolumeDifference as AbsoluteVolumeDifference
