"""From cases on disk to batches: resampling, boxes, statistics, augmentation, and feeding."""

from kerasmetricloss.pipelines.augment import Augment as Augment
from kerasmetricloss.pipelines.cache import prepare_all as prepare_all
from kerasmetricloss.pipelines.cache import prune as prune
from kerasmetricloss.pipelines.draws import Augmentation as Augmentation
from kerasmetricloss.pipelines.draws import draw_batch as draw_batch
from kerasmetricloss.pipelines.draws import draw_parameters as draw_parameters
from kerasmetricloss.pipelines.intensity import channel_statistics as channel_statistics
from kerasmetricloss.pipelines.intensity import foreground_prior as foreground_prior
from kerasmetricloss.pipelines.patches import Patches as Patches
from kerasmetricloss.pipelines.preparation import Preparation as Preparation
from kerasmetricloss.pipelines.preparation import Prepared as Prepared
from kerasmetricloss.pipelines.preparation import grid_size as grid_size
from kerasmetricloss.pipelines.preparation import prepare as prepare
