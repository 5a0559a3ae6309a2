"""Metric-sensitive losses for segmentation, and cross-entropy to compare with.

All take (batch, *space, classes), arguments by keyword, and give one loss an image; see
:class:`kerasmetricloss.similarities.Layout` for the arguments that all share.
"""

from kerasmetricloss.losses._base import SegmentationLoss as SegmentationLoss
from kerasmetricloss.losses.compound import PartMetric as PartMetric
from kerasmetricloss.losses.compound import WeightedSum as WeightedSum
from kerasmetricloss.losses.cross_entropy import CrossEntropy as CrossEntropy
from kerasmetricloss.losses.cross_entropy import WeightedCrossEntropy as WeightedCrossEntropy
from kerasmetricloss.losses.lovasz import LovaszHinge as LovaszHinge
from kerasmetricloss.losses.lovasz import LovaszSigmoid as LovaszSigmoid
from kerasmetricloss.losses.lovasz import LovaszSoftmax as LovaszSoftmax
from kerasmetricloss.losses.names import catalog as catalog
from kerasmetricloss.losses.names import from_name as from_name
from kerasmetricloss.losses.names import paper_name as paper_name
from kerasmetricloss.losses.overlap import FocalTversky as FocalTversky
from kerasmetricloss.losses.overlap import GeneralizedDice as GeneralizedDice
from kerasmetricloss.losses.overlap import SoftDice as SoftDice
from kerasmetricloss.losses.overlap import SoftJaccard as SoftJaccard
from kerasmetricloss.losses.overlap import SoftTversky as SoftTversky
