"""The predecessor's variables as connectors."""

import pytest

from ogfd.config import ConfigError
from ogfd.plugin import Secret
from ogfd.registry import Reason, load_bound

SINK = '[sinks.main]\ntype = "store"\npath = "x"\n'


@pytest.fixture
def bound(tmp_path, monkeypatch, shelf):
    """Return a function that loads a text and an environment."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    shelf.connector()
    shelf.sink()

    def load(text="", **environ):
        (tmp_path / "ogfd.toml").write_text(SINK + text)
        named = {f"OFFGRIDFLOW_{name}": value for name, value in environ.items()}
        return load_bound(tmp_path / "ogfd.toml", named, shelf.registry)

    return load


def test_variables_form_a_connector_named_after_its_type(bound):
    """Carbon is on always, cost when its bucket is named; a secret stays a reference."""
    found = bound(
        CLOUD_REGION="there", CLOUD_SECRET="canary", CLOUD_ORG="acme", CLOUD_BUCKET="4711"
    )
    connector = found.connectors["cloud"]

    assert {"cost", "carbon"} == connector.streams.keys()
    assert ("there", "4711", "acme", "6h") == (
        connector.config.region,
        connector.config.cost.bucket,
        connector.table.org_id,
        connector.table.schedule,
    )
    assert Secret("env:OFFGRIDFLOW_CLOUD_SECRET") == connector.config.secret_key
    assert {"cloud"} == found.settings.connectors.keys()
    assert "canary" not in repr(found)


def test_cost_is_off_while_its_bucket_is_not_named(bound):
    """A prefix alone is no bucket."""
    assert {"carbon"} == bound(CLOUD_PREFIX="p").connectors["cloud"].streams.keys()


def test_the_configuration_wins_key_by_key(bound):
    """Variables fill in what the table leaves out, and turn on no carbon."""
    found = bound(
        '[connectors.cloud]\ntype = "cloud"\nregion = "mine"\n[connectors.cloud.cost]\nprefix = "p"\n',
        CLOUD_REGION="there",
        CLOUD_ORG="acme",
        CLOUD_BUCKET="b",
    )
    connector = found.connectors["cloud"]

    assert ("mine", "p", "b", "acme") == (
        connector.config.region,
        connector.config.cost.prefix,
        connector.config.cost.bucket,
        connector.table.org_id,
    )
    assert {"cost"} == connector.streams.keys()


def test_a_connector_of_that_name_and_another_type_is_left_alone(bound, shelf):
    """The name is taken."""
    shelf.connector("other", environment={})
    found = bound(
        '[connectors.cloud]\ntype = "other"\n[connectors.cloud.carbon]\n', CLOUD_REGION="there"
    )

    assert "here" == found.connectors["cloud"].config.region


def test_a_secret_in_a_dotenv_is_taken_as_it_is(bound, tmp_path):
    """The predecessor's file works unchanged, and the value does not render."""
    (tmp_path / ".env").write_text("OFFGRIDFLOW_CLOUD_SECRET=canary\n")
    found = bound()

    assert "canary" == found.connectors["cloud"].config.secret_key.reveal()
    assert "canary" not in repr(found)


def test_a_reference_in_a_variable_is_followed(bound):
    """It may name a file or a credential as in the configuration."""
    found = bound(CLOUD_SECRET="file:/run/secret")

    assert Secret("file:/run/secret") == found.connectors["cloud"].config.secret_key


def test_a_wrong_value_is_a_mistake_that_names_the_variable(bound):
    """There is no line to point at."""
    with pytest.raises(ConfigError) as caught:
        bound(CLOUD_REGION="canary")

    assert "OFFGRIDFLOW_CLOUD_REGION: connectors.cloud.region: there is no region ***" == str(
        caught.value
    )


def test_a_broken_plugin_is_a_problem_and_variables_of_no_plugin_are_nothing(bound, shelf):
    """Other programs may use such variables too."""
    shelf.add("bad", "ogfd.connectors", OSError("no"))
    found = bound(BAD_KEY="x", NOBODY_KEY="x")

    assert {"connectors.bad": Reason.BROKEN} == {
        name: problem.reason for name, problem in found.problems.items()
    }
    assert {} == found.connectors


@pytest.fixture
def costly(bound, shelf):
    """Install a connector that needs a bucket too."""
    shelf.connector(
        "costly",
        streams={"cost": shelf.registry.load_connector("cloud").streams["cost"]},
        environment={"OFFGRIDFLOW_COSTLY_BUCKET": "cost.bucket", "OFFGRIDFLOW_COSTLY_AT": "region"},
    )
    return bound


def test_variables_that_turn_on_no_stream_are_a_mistake(costly):
    """Nothing would ever run, and the operator learns which variable is missing."""
    with pytest.raises(ConfigError, match="no stream of costly is on; set OFFGRIDFLOW_COSTLY_BUCK"):
        costly(COSTLY_AT="x")


def test_leftover_variables_beside_other_connectors_are_a_warning(costly, tmp_path):
    """A complete configuration starts; the variable is named, and where it stands."""
    (tmp_path / ".env").write_text("OFFGRIDFLOW_COSTLY_AT=x\n")
    found = costly('[connectors.mine]\ntype = "cloud"\n[connectors.mine.carbon]\n')
    (warning,) = map(str, found.warnings)

    assert {"mine"} == found.connectors.keys()
    assert warning.startswith("OFFGRIDFLOW_COSTLY_AT: no stream of costly is on; set OFFGRIDFLOW_")
    assert f"{tmp_path / '.env'}:1" in warning
    assert () == costly('[connectors.costly]\ntype = "costly"\ncost.bucket = "b"\n').warnings
