"""Prediction of whole images: tiles of any network, back to the grid of the file."""

from kerasmetricloss.pipelines.inference.cases import Prediction as Prediction
from kerasmetricloss.pipelines.inference.cases import case_scores as case_scores
from kerasmetricloss.pipelines.inference.cases import check_colours as check_colours
from kerasmetricloss.pipelines.inference.cases import predict_case as predict_case
from kerasmetricloss.pipelines.inference.errors import CasesFailed as CasesFailed
from kerasmetricloss.pipelines.inference.errors import PredictionError as PredictionError
from kerasmetricloss.pipelines.inference.errors import TiledWarning as TiledWarning
from kerasmetricloss.pipelines.inference.folder import predict_folder as predict_folder
from kerasmetricloss.pipelines.inference.images import predict_image as predict_image
from kerasmetricloss.pipelines.inference.images import predict_slabs as predict_slabs
from kerasmetricloss.pipelines.inference.loading import file_digest as file_digest
from kerasmetricloss.pipelines.inference.loading import load_model as load_model
from kerasmetricloss.pipelines.inference.native import to_native_grid as to_native_grid
from kerasmetricloss.pipelines.inference.reach import Network as Network
from kerasmetricloss.pipelines.inference.reach import Reach as Reach
from kerasmetricloss.pipelines.inference.reach import reach_of as reach_of
from kerasmetricloss.pipelines.inference.tiles import Tiling as Tiling
from kerasmetricloss.pipelines.inference.trained_on import TrainedOn as TrainedOn
from kerasmetricloss.pipelines.inference.trained_on import described as described
from kerasmetricloss.pipelines.inference.trained_on import read_trained_on as read_trained_on
from kerasmetricloss.pipelines.inference.trained_on import write_trained_on as write_trained_on
