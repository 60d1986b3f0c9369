"""The environment's part of the configuration."""

from pathlib import Path

import pytest

from ogfd.config import load, parse_value

MAIN = """\
[sinks.main]
type = "sqlite"
[connectors.aws-prod]
type = "aws"
region = "us-east-1"
[connectors.aws-prod.cost]
bucket = "b"
"""


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Return the path of a main file, in another directory than the working one."""
    path = tmp_path / "etc" / "ogfd.toml"
    path.parent.mkdir()
    path.write_text(MAIN)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return path


def test_a_variable_overrides_any_key(main):
    """``-`` is ``_`` in names, values are TOML, and what does not parse is a string."""
    settings, mistakes = load(
        main,
        {
            "OGFD_DAEMON__STATE_DIR": "/srv/state",
            "OGFD_DAEMON__SLICES": "8",
            "OGFD_CONNECTORS__AWS_PROD__REGION": "eu-west-1",
            "OGFD_CONNECTORS__AWS_PROD__TAGS": '["team"]',
            "OGFD_CONNECTORS__AWS_PROD__COST__START": "2026-01",
            "OGFD_CONNECTORS__AWS_PROD__COST__BUCKET": "",
        },
    )
    table = settings.connectors["aws-prod"]

    assert () == mistakes
    assert (Path("/srv/state"), 8) == (settings.daemon.state_dir, settings.daemon.slices)
    assert ("eu-west-1", ("team",)) == (table.values["region"], table.tags)
    assert ("2026-01", {"bucket": "b"}) == (
        table.streams["cost"].start,
        table.streams["cost"].values,
    )
    assert (None, None) == settings.locate("connectors.aws-prod.region")
    assert (main, 3) == settings.locate("connectors.aws-prod")


def test_variables_may_be_the_whole_configuration(main):
    """A container needs no file; new connectors are named with dashes."""
    settings, mistakes = load(
        None,
        {
            "OGFD_SINKS__MAIN__TYPE": "sqlite",
            "OGFD_CONNECTORS__MY_CLOUD__TYPE": "aws",
        },
    )

    assert () == mistakes
    assert {"my-cloud"} == settings.connectors.keys()


def test_a_string_that_looks_like_a_number_is_a_string_where_one_is_wanted(main):
    """An organisation called 42 needs no quotes in the environment."""
    assert "42" == load(main, {"OGFD_DAEMON__ORG_ID": "42"})[0].daemon.org_id


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OGFD_DAEMON__SLICES", "many", "daemon.slices: must be a whole number"),
        ("OGFD_DAEMON__ORG", "x", "daemon.org: unknown key; did you mean org_id?"),
        ("OGFD_DEMON__ORG_ID", "x", "demon: unknown table; did you mean daemon?"),
        ("OGFD_DAEMON_ORG_ID", "x", "joins table and key by two underscores"),
        ("OGFD_DAEMON__", "x", "joins table and key by two underscores"),
        ("OGFD_CONNECTORS__AWS_PROD__REGION__X", "x", "names a key inside of a value"),
        ("OGFD_CONNECTORS__NEW__REGION", "x", "connectors.new: the key type is missing"),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(main, variable, value, message):
    """There is no file to look into."""
    (mistake,) = load(main, {variable: value})[1]

    assert f"{variable}: {message}" in str(mistake)
    assert (None, None) == (mistake.file, mistake.line)


def test_other_variables_of_ogfd_are_no_overrides(main):
    """OGFD_CONFIG and its like are read by others."""
    assert () == load(None, {"OGFD_CONFIG": str(main), "OGFD_FP": "a:1:kill"})[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("5", 5),
        ('"5"', "5"),
        ("[1, 2]", [1, 2]),
        ("plain", "plain"),
        ("2026-01", "2026-01"),
        ("2026-01-01", "2026-01-01"),
        ("1\nother = 2", "1\nother = 2"),
        ("{ a = 1 }", {"a": 1}),
    ],
)
def test_a_value_is_toml_if_it_can_be(text, value):
    """A date stays text, and nothing smuggles in a second key."""
    assert value == parse_value(text)


def test_the_predecessors_variables_are_gathered(main):
    """From the environment, ``.env`` beside the file, ``.env`` here: the first one counts."""
    (main.parent / ".env").write_text(
        """\
# OFFGRIDFLOW_AWS_COMMENT=x
export OFFGRIDFLOW_AWS_A="beside # not a comment"
OFFGRIDFLOW_AWS_B = 'beside'
OFFGRIDFLOW_AWS_C=beside # a comment
OFFGRIDFLOW_AWS_EMPTY=
OTHER=x
not a line
"""
    )
    Path(".env").write_text("OFFGRIDFLOW_AWS_C=here\nOFFGRIDFLOW_AWS_D=here\n")
    found = load(main, {"OFFGRIDFLOW_AWS_B": "environ", "OFFGRIDFLOW_AWS_E": ""})[0].predecessor

    assert {
        "OFFGRIDFLOW_AWS_A": "beside # not a comment",
        "OFFGRIDFLOW_AWS_B": "environ",
        "OFFGRIDFLOW_AWS_C": "beside",
        "OFFGRIDFLOW_AWS_D": "here",
    } == {name: origin.text for name, origin in found.items()}
    assert (main.parent / ".env", 2) == (
        found["OFFGRIDFLOW_AWS_A"].file,
        found["OFFGRIDFLOW_AWS_A"].line,
    )
    assert None is found["OFFGRIDFLOW_AWS_B"].file


def test_a_dotenv_that_is_not_text_is_a_mistake_only_beside_the_file(main):
    """One in the working directory may belong to anybody."""
    Path(".env").write_bytes(b"\xff\xfe")

    assert () == load(main, {})[1]

    (main.parent / ".env").write_bytes(b"\xff\xfe")

    assert ".env: cannot be read: not UTF-8 text" in str(load(main, {})[1][0])
