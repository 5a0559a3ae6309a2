"""Every data set has settings at both scales, and its network takes the boxes that they give."""

import dataclasses

import keras
import numpy as np
import pytest

from kerasmetricloss import studies
from kerasmetricloss.studies import networks
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.recipes import RECIPES, TVERSKY
from kerasmetricloss.studies.setups import SETUPS

DATA_SETS = ("br18", "is17", "is18", "mo17", "po18", "wm17", "wm17dm")
PARAMETERS = {"br18": 3_875_501, "is17": 3_875_861, "is18": 969_441, "mo17": 1_441_361, "wm17": 3_875_141}
CHANNELS = {"br18": 4, "is17": 6, "is18": 5, "mo17": 1, "po18": 3, "wm17": 2, "wm17dm": 2}


def test_every_data_set_has_settings_at_both_scales():
    assert set(SETUPS) == {(name, scale) for name in DATA_SETS for scale in ("small", "paper")}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_the_paper_s_networks_have_the_published_parameters(name, parameters):
    network = networks.build(studies.setup(name, "paper").network, channels=CHANNELS[name], labels=1)
    assert network.count_params() == parameters


def test_the_paper_trains_on_its_batches_and_rates():
    # Adam 1e-3 from random weights, 1e-4 from ImageNet's; post-training at 1e-4 but for MO17; DeepMedic SGD 1e-1.
    found = {name: studies.setup(name, "paper").training for name in DATA_SETS}
    assert {name: one.batch for name, one in found.items()} == {
        "br18": 2, "is17": 2, "is18": 4, "mo17": 4, "po18": 16, "wm17": 2, "wm17dm": 64,
    }  # fmt: skip
    assert {name for name, one in found.items() if one.rate == 1e-3} == {"br18", "is17", "is18", "mo17", "wm17"}
    assert found["po18"].rate == 1e-4
    assert {name for name, one in found.items() if one.post_rate != 1e-4} == {"mo17"}
    assert (found["wm17dm"].optimizer, found["wm17dm"].rate) == ("sgd", 1e-1)


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_small_network_gives_the_box_it_is_said_to_give(name):
    setup = studies.setup(name, "small")
    wanted = (20, 25) if setup.network["dimension"] == 2 else (9, 12, 7)
    box, margin = networks.boxes(setup.network, wanted)
    assert all(n >= m for n, m in zip(box, wanted, strict=True))
    network = networks.build(setup.network, channels=CHANNELS[name], labels=2)
    image = np.zeros((1, *(n + 2 * margin for n in box), CHANNELS[name]), "float32")
    assert tuple(network([image, np.ones((1, *box, 1), "float32")]).shape) == (1, *box, 2)


def test_patches_get_the_next_box_that_the_network_has():
    small = studies.setup("br18", "small")
    assert small.with_patches() is small
    # 9 n + 1 voxels after three levels, multiples of three for DeepMedic.
    assert small.with_patches((60, 64, 40)).patch == {"output_size": [64, 64, 46], "volumes": 2, "repeats": 1}
    patches = studies.setup("wm17", "small")
    assert patches.with_patches() == patches
    assert patches.with_patches((10, 11, 19), repeats=5).patch == {
        "output_size": [10, 19, 19], "volumes": 2, "repeats": 5,
    }  # fmt: skip
    deepmedic = dataclasses.replace(patches, network=networks.named_network("deepmedic-small", 3))
    assert deepmedic.with_patches().patch["output_size"] == [30, 30, 21]


def test_patches_are_centred_on_foreground_as_often_as_asked_for():
    patches = studies.setup("wm17", "small")
    assert "foreground" not in patches.patch  # anywhere inside the mask, as the paper
    balanced = patches.with_patches(foreground=0.5)
    assert balanced.patch == patches.patch | {"foreground": 0.5}
    with pytest.raises(StudyError, match=r"--patch-foreground is 1\.5; it is a share, 0 to 1"):
        patches.with_patches(foreground=1.5)
    with pytest.raises(StudyError, match="--repeats and --patch-foreground are for patches; br18 trains on whole"):
        studies.setup("br18", "small").with_patches(repeats=2, foreground=0.5)


def test_patches_of_other_axes_and_repeats_without_patches_are_refused():
    with pytest.raises(StudyError, match="--patch-size 8x8x8 has 3 axes; po18 has 2"):
        studies.setup("po18", "small").with_patches((8, 8, 8))
    with pytest.raises(StudyError, match="--repeats is for patches; br18 trains on whole images"):
        studies.setup("br18", "small").with_patches(repeats=2)


def test_deeplab_s_identity_is_the_content_of_its_weights_not_their_path(tmp_path):
    network = studies.setup("po18", "paper").network
    assert networks.identity(network)["weights"] == "imagenet"
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"weights")
    one, other = (networks.identity(network | {"weights": str(tmp_path / name)}) for name in ("a", "b"))
    assert one == other
    assert len(one["weights"]) == 16
    with pytest.raises(StudyError, match="no such file"):
        networks.identity(network | {"weights": str(tmp_path / "c")})


def test_deeplab_takes_colours_alone():
    with pytest.raises(StudyError, match="3 colour channels; these images have 1"):
        networks.build(studies.setup("po18", "paper").network | {"weights": None}, channels=1, labels=1)


def test_a_failed_download_says_how_to_do_without(monkeypatch):
    def offline(**settings):
        raise Exception("URL fetch failure on https://x: None -- Name or service not known")

    monkeypatch.setattr(networks.models, "deeplab_vgg16", offline)
    with pytest.raises(StudyError, match=r"cannot be fetched .*URL fetch failure.* --weights"):
        networks.build(studies.setup("po18", "paper").network, channels=3, labels=1)


def test_several_labels_and_virtual_sets_are_for_the_data_that_have_them():
    multi = studies.setup("br18", "small", RECIPES["table6"])
    assert (multi.dataset, multi.reader, multi.labels) == ("br18-multi", "br18", ("WT", "TC", "ET"))
    with pytest.raises(StudyError, match="which br18 has alone"):
        studies.setup("po18", "small", RECIPES["table6"])
    with pytest.raises(StudyError, match="br18 has volumes"):
        studies.setup("br18", "small", RECIPES["table5"])


def test_there_is_a_recipe_for_every_table_and_figure_of_the_paper():
    tables = {*(f"table{k}" for k in range(1, 8)), "tableB1"}
    figures = {*(f"fig{k}" for k in range(1, 6)), *(f"figB{k}" for k in range(1, 9))}
    assert set(RECIPES) == tables | figures
    assert len(TVERSKY) == 11
    assert all(abs(sum(map(float, name[9:].split("/"))) - 1) < 1e-9 for name in TVERSKY[:9])


def test_recipes_run_on_polyps_by_default_and_those_of_scans_on_br18():
    # Tables IV, VI and VII and their box plots are of volumes or of several labels, which pictures have not.
    on_scans = {"table4", "table6", "table7", "figB3", "figB4", "figB5"}
    assert {name for name, recipe in RECIPES.items() if recipe.dataset == "br18"} == on_scans
    assert {recipe.dataset for name, recipe in RECIPES.items() if name not in on_scans} == {"po18"}


def test_nothing_is_downloaded_at_small_scale():
    starts = {key: one.network.get("weights") for key, one in SETUPS.items()}
    assert {key for key, weights in starts.items() if weights is not None} == {("po18", "paper")}
    for dimension in (2, 3):
        assert studies.folder_setup(dimension, "small").network.get("weights") is None


def test_keras_names_the_small_networks_as_the_tables_do():
    network = networks.build(networks.small_network(2), channels=1, labels=1)
    assert isinstance(network, keras.Model)
    assert network.name == "unet_small"


@pytest.mark.parametrize(
    ("table", "figure", "dataset"),
    [("table5", "figB2", "po18"), ("table6", "figB3", "br18"), ("table7", "figB4", "br18")],
)
@pytest.mark.parametrize("scale", ["small", "paper"])
def test_a_table_and_its_box_plots_train_alike(table, figure, dataset, scale):
    assert studies.setup(dataset, scale, RECIPES[table]) == studies.setup(dataset, scale, RECIPES[figure])


def test_networks_are_chosen_by_name():
    small = networks.build(studies.named_network("unet-small", 2), channels=1, labels=1).count_params()
    half = networks.build(studies.named_network("unet-half", 2), channels=1, labels=1).count_params()
    whole = networks.build(studies.named_network("unet", 2), channels=1, labels=1).count_params()
    assert whole == 1_441_361
    assert small < half == 360_681  # a quarter of the paper's, a little more: biases and the two ends halve
    assert studies.named_network("deeplab", 2)["weights"] == "imagenet"


@pytest.mark.parametrize(("name", "dimension", "message"), [("vnet", 3, "unet-half"), ("deeplab", 3, "not volumes")])
def test_a_network_that_cannot_be_is_refused_with_those_that_can(name, dimension, message):
    with pytest.raises(StudyError, match=message):
        studies.named_network(name, dimension)


def test_an_optimizer_that_there_is_not_is_refused():
    small = studies.setup("wm17dm", "small")
    assert small.with_training(optimizer="adam").training.phase("pre")["optimizer"] == "adam"
    with pytest.raises(studies.StudyError, match="optimizer is 'adamw'; it is adam or sgd"):
        small.with_training(optimizer="adamw")
