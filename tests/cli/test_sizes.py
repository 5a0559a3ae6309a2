"""The grid that `run` trains on, as its options ask for it."""

import pytest

from kerasmetricloss import studies
from kerasmetricloss.cli import main


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ((), (73, 73)),
        (("--roi", "none"), (73, 73)),
        (("--shrink", "2"), (73, 73)),
        (("--roi", "109x105"), None),  # 109x105 pixels, as they are cut
        (("--roi", "109x105", "--picture-size", "55x53"), (55, 53)),
    ],
)
def test_a_box_that_was_asked_for_keeps_its_pixels(monkeypatch, tmp_path, options, size):
    setups = []
    monkeypatch.setattr(studies, "run", lambda request, **_: setups.append(request.setup))
    monkeypatch.setattr("kerasmetricloss.cli.study.write_report", lambda out, recipe, **_: None)
    main(["run", "table2", "--dataset", "mo17", "--out", str(tmp_path), *options])
    assert [setup.picture_size for setup in setups] == [size]
