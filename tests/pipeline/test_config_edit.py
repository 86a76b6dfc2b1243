"""One value of a YAML file changed, and everything else as it was."""

import pytest
import yaml

from xelith.pipeline.config_edit import set_in_file, set_in_text
from xelith.pipeline.loading import ConfigError, load_config

TEXT = """# my cell
sample: a  # its name
scans:
  argon: {path: x.h5, gas: {name: argon}}   # first
  xenon:
    path: y.h5   # second
    # more to come
charge:
reconstruction:
  - step: flat-field
  - step: fbp
    window: hann
  # end

output: {levels: 3}
"""


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("sample",), "b"),
        (("scans", "argon", "centre_px"), 12.75),
        (("scans", "argon", "gas", "name"), "xenon"),
        (("scans", "xenon", "centre_px"), 12.5),
        (("scans", "xenon", "path"), "z.h5"),
        (("segmentation", "levels", "xenon", "void"), 1.1),
        (("charge", "charge_mah"), 2.0),
        (("output", "levels"), 4),
        (("reconstruction",), [{"step": "flat-field"}, {"step": "fourier-fbp"}]),
    ],
)
def test_one_value_changes_and_comments_stay(keys, value):
    changed = set_in_text(TEXT, keys, value)
    before, after = yaml.safe_load(TEXT), yaml.safe_load(changed)
    place = before
    for key in keys[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[keys[-1]] = value
    assert after == before
    assert [line.partition("#")[2] for line in changed.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in TEXT.splitlines() if "#" in line
    ]


def test_values_set_one_after_another_stand_side_by_side():
    text = set_in_text(TEXT, ("segmentation", "levels", "xenon", "lithium"), 0.1)
    text = set_in_text(text, ("segmentation", "levels", "xenon", "void"), 1.2)
    assert yaml.safe_load(text)["segmentation"]["levels"] == {"xenon": {"lithium": 0.1, "void": 1.2}}


def test_a_file_that_would_not_be_valid_is_left_as_it_was(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("sample: a\nscans:\n  main: {path: x.h5}\n", encoding="utf8")
    with pytest.raises(ConfigError, match=r"scans\.main\.centre_px"):
        set_in_file(path, ("scans", "main", "centre_px"), "left")
    assert path.read_text(encoding="utf8") == "sample: a\nscans:\n  main: {path: x.h5}\n"
    set_in_file(path, ("scans", "main", "centre_px"), 31.25)
    assert load_config(path).scans["main"].centre_px == 31.25
    assert [p.name for p in tmp_path.iterdir()] == ["run.yaml"]


def test_what_is_no_mapping_is_refused():
    with pytest.raises(ValueError, match="the configuration is no mapping; start it with"):
        set_in_text("- a\n", ("sample",), "b")
    with pytest.raises(ValueError, match="output holds no mapping, so levels cannot be set"):
        set_in_text("output: 3\n", ("output", "levels"), 1)
