"""Studies: the paper's experiments, resumable, on folders of scans."""

from kerasmetricloss.studies.engine_ray import run_ray as run_ray
from kerasmetricloss.studies.engines import run_local as run_local
from kerasmetricloss.studies.errors import StudyError as StudyError
from kerasmetricloss.studies.errors import StudyStopped as StudyStopped
from kerasmetricloss.studies.forecast import Forecast as Forecast
from kerasmetricloss.studies.forecast import forecast as forecast
from kerasmetricloss.studies.networks import named_network as named_network
from kerasmetricloss.studies.networks import small_network as small_network
from kerasmetricloss.studies.progress import Lines as Lines
from kerasmetricloss.studies.progress import Observer as Observer
from kerasmetricloss.studies.recipes import RECIPES as RECIPES
from kerasmetricloss.studies.recipes import recipe as recipe
from kerasmetricloss.studies.request import Request as Request
from kerasmetricloss.studies.setups import folder_setup as folder_setup
from kerasmetricloss.studies.setups import setup as setup
from kerasmetricloss.studies.status import Status as Status
from kerasmetricloss.studies.status import status as status
from kerasmetricloss.studies.study import run as run
