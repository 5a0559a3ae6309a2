import pytest

from kerasmetricloss import models
from kerasmetricloss.cli import main
from kerasmetricloss.studies import forecast, recipe, setup
from kerasmetricloss.studies.errors import StudyError


def test_trainings_are_counted_by_hand():
    # Tversky: eleven names; 1/2, 1/2 trains soft Dice and 1, 1 soft Jaccard, still eleven losses. Five folds of one
    # pre-training and eleven losses are 60; 40 cases leave 32 to train on, 8 steps of 4 images. A pre-training lasts
    # the 10 epochs assumed, a loss the 8 that the small scale allows: 5 x (10 + 11 x 8) x 8 = 3,920 steps.
    found = forecast(recipe("table3"), setup("po18", "small"), folds=5, cases=40, epochs=10, step_seconds=0.5)
    assert (found.cells, found.steps) == (60, 3920)
    assert found.hours == pytest.approx(3920 * 0.5 / 3600)


def test_six_virtual_data_sets_are_six_times_the_trainings():
    five = recipe("table5")
    found = forecast(five, setup("po18", "small", five), folds=5, cases=40, epochs=1, step_seconds=1.0)
    assert found.cells == 6 * 5 * 3


def test_a_step_is_timed_where_no_time_is_given():
    found = forecast(recipe("table1"), setup("po18", "small"), folds=2, cases=4, epochs=1)
    assert 0 < found.step_seconds < 60
    assert "4 x 81x108 voxels" in found.measured


def test_what_trains_nothing_has_no_plan():
    with pytest.raises(StudyError, match="fig1 trains nothing"):
        forecast(recipe("fig1"), setup("po18", "small"), folds=5, cases=4, epochs=1, step_seconds=1.0)


def test_plan_prints_what_a_recipe_takes(capsys):
    # 5 folds x (28 + 5 x 8 epochs) x 8 steps
    main(["plan", "table2", "--scale", "small", "--cases", "40", "--step-seconds", "0.1", "--gpus", "16"])
    said = capsys.readouterr().out
    assert "po18: 30 trainings, 2,720 steps of 0.100 s (as given)" in said
    assert "0.0 hours on 16 devices" in said
    main(["plan", "table2", "--scale", "small", "--cases", "40", "--step-seconds", "1000"])
    assert "31.5 days on 1 device," in capsys.readouterr().out


def test_a_plan_counts_the_losses_asked_for_and_says_where_its_step_was_timed(capsys):
    main(
        ["plan", "table2", "--scale", "small", "--cases", "4", "--folds", "2", "--losses", "CE,sDice-L2", "--gpus", "3"]
    )
    said = capsys.readouterr().out
    assert "po18: 6 trainings" in said  # two folds of one pre-training and two losses
    assert "timed on this machine" in said
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "table2", "--losses", "CE,Dise", "--step-seconds", "1"])
    assert stopped.value.code == 2
    assert "Dise" in capsys.readouterr().err


def test_disk_is_that_of_whole_cases_where_patches_are_trained_on():
    common = {"folds": 2, "cases": 3, "epochs": 1, "step_seconds": 1.0}
    patches = setup("wm17dm", "paper")
    assert patches.patch["output_size"] == [15, 15, 15]
    found = forecast(recipe("table1"), patches, **common)
    # 75 x 95 x 75 voxels of 2 mm, of which DeepMedic outputs 75 x 96 x 75, and 24 more on each side come in; one
    # prediction a case of one byte a voxel, and of the prepared case float32 of two channels, mask and truth. Two
    # losses and a pre-training in two folds: six files of 660,251 weights and 1,880 moving statistics.
    out, into = 75 * 96 * 75, 123 * 144 * 123
    expected = 3 * 3 * out + 3 * (2 * 4 * into + 2 * out) + 6 * 4 * (660_251 + 1_880)
    assert found.gigabytes == pytest.approx(expected / 1e9, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--step-seconds", "-1"), "'-1' is no positive number of seconds"),
        (("--step-seconds", "nan"), "'nan' is no positive number of seconds"),
        (("--step-seconds", "1", "--cases", "3", "--folds", "5"), "3 cases do not fill 5 folds"),
    ],
)
def test_a_plan_of_impossible_numbers_is_refused(options, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "table2", *options])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_plan_fetches_no_weights(monkeypatch):
    asked = []
    build = models.deeplab_vgg16

    def noted(**settings):
        asked.append(settings["weights"])
        return build(**settings)

    monkeypatch.setattr(models, "deeplab_vgg16", noted)
    forecast(recipe("table2"), setup("po18", "paper"), folds=5, cases=40, epochs=1, step_seconds=1.0)
    assert asked == [None]


def test_a_folder_without_a_study_has_no_status(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["status", str(tmp_path)])
    assert stopped.value.code == 2
    assert "holds no study" in capsys.readouterr().err
