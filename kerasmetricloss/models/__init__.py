"""The paper's networks as plain Keras functional models."""

from kerasmetricloss.models.blocks import ApplyMask as ApplyMask
from kerasmetricloss.models.blocks import CentreCrop as CentreCrop
from kerasmetricloss.models.blocks import CheckSize as CheckSize
from kerasmetricloss.models.blocks import InstanceNormalization as InstanceNormalization
from kerasmetricloss.models.blocks import LinearUpsampling as LinearUpsampling
from kerasmetricloss.models.deeplab import deeplab_vgg16 as deeplab_vgg16
from kerasmetricloss.models.deepmedic import AddResidual as AddResidual
from kerasmetricloss.models.deepmedic import Subsample as Subsample
from kerasmetricloss.models.deepmedic import deepmedic as deepmedic
from kerasmetricloss.models.deepmedic import deepmedic_input_size as deepmedic_input_size
from kerasmetricloss.models.deepmedic import deepmedic_output_size as deepmedic_output_size
from kerasmetricloss.models.dilated import BilinearUpsampling as BilinearUpsampling
from kerasmetricloss.models.dilated import DilatedConv2D as DilatedConv2D
from kerasmetricloss.models.dilated import ImageNetColours as ImageNetColours
from kerasmetricloss.models.presets import deeplab_small as deeplab_small
from kerasmetricloss.models.presets import deepmedic_small as deepmedic_small
from kerasmetricloss.models.presets import unet_br18 as unet_br18
from kerasmetricloss.models.presets import unet_is17 as unet_is17
from kerasmetricloss.models.presets import unet_is18 as unet_is18
from kerasmetricloss.models.presets import unet_mo17 as unet_mo17
from kerasmetricloss.models.presets import unet_small as unet_small
from kerasmetricloss.models.presets import unet_wm17 as unet_wm17
from kerasmetricloss.models.released import ReleasedWeightsError as ReleasedWeightsError
from kerasmetricloss.models.unet import unet as unet
from kerasmetricloss.models.unet import unet_input_size as unet_input_size
from kerasmetricloss.models.unet import unet_output_size as unet_output_size
