"""Tables and the plugins' models brought together."""

import pytest

from ogfd.config import ConfigError
from ogfd.plugin import Grain, Secret, Wanted
from ogfd.registry import Reason, load_bound

SINK = '[sinks.main]\ntype = "store"\npath = "x"\n'


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Return the path of a main file, away from the developer's own."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return tmp_path / "ogfd.toml"


@pytest.fixture
def bound(main, shelf):
    """Return a function that loads a text with one good connector and sink plugin installed."""
    shelf.connector()
    shelf.sink()

    def load(text, *, streamless=False, **environ):
        main.write_text(SINK + text)
        return load_bound(main, environ, shelf.registry, streamless=streamless)

    return load


def mistakes(load, text, **environ) -> list[str]:
    """Return what is wrong with *text*, without the directory; line 4 is its first."""
    with pytest.raises(ConfigError) as caught:
        load(text, **environ)
    return [str(mistake).rpartition("/")[2] for mistake in caught.value.mistakes]


def test_a_table_becomes_an_instance_of_the_plugins_model(bound):
    """Reserved keys are taken out, streams hang on the config, defaults come from above."""
    found = bound(
        """
[connectors.a]
type = "cloud"
region = "there"
schedule = "2h"
start = "2025-01"
tags = ["team"]
secret_key = "env:KEY"
[connectors.a.login]
user = "u"
password = "file:/p"
[connectors.a.cost]
bucket = "b"
grain = "line"
start = "2026-01"
[connectors.a.carbon]
tags = []
resource_ids = true
"""
    )
    connector = found.connectors["a"]
    cost, carbon = connector.streams["cost"], connector.streams["carbon"]

    assert ("there", "b", "") == (
        connector.config.region,
        connector.config.cost.bucket,
        connector.config.cost.prefix,
    )
    assert Secret("file:/p") == connector.config.login.password
    assert ("2h", "2026-01", Wanted(grain=Grain.LINE, tags=("team",))) == (
        cost.schedule,
        cost.start,
        cost.wanted,
    )
    assert ("1d", "2025-01", Wanted(resource_ids=True)) == (
        carbon.schedule,
        carbon.start,
        carbon.wanted,
    )
    assert "x" == found.sinks["main"].config.path
    assert {} == found.problems


@pytest.mark.parametrize("patterns", ['include = ["1*"]', 'exclude = ["9*"]'])
def test_streams_know_that_accounts_are_left_out(bound, patterns):
    """Those whose rows may lack the account can refuse then."""
    found = bound(
        f'[connectors.a]\ntype = "cloud"\naccounts = {{ {patterns} }}\n[connectors.a.carbon]\n'
    )

    assert Wanted(by_account=True) == found.connectors["a"].streams["carbon"].wanted


def test_the_schedule_in_a_streams_table_wins(bound):
    """Then the plugin's own for that stream, then the connector's."""
    found = bound(
        '[connectors.a]\ntype = "cloud"\nschedule = "2h"\n[connectors.a.carbon]\nschedule = "5h"\n'
    )

    assert "5h" == found.connectors["a"].streams["carbon"].schedule


def test_a_stream_is_on_when_its_table_is_there(bound):
    """An empty table is enough."""
    found = bound('[connectors.a]\ntype = "cloud"\n[connectors.a.carbon]\n')

    assert {"carbon"} == found.connectors["a"].streams.keys()


def test_all_mistakes_of_all_plugins_come_at_once(bound):
    """Those of the file, of connectors, of their streams and of sinks, each with its line."""
    found = mistakes(
        bound,
        """\
password = "canary-plain"
pth = "y"
[daemon]
org = "x"
[connectors.a]
type = "cloud"
regon = "x"
enabeld = true
flavour = "canary-flavour"
scopes = ["ok", 5]
[connectors.a.login]
user = "u"
[connectors.a.cost]
prefx = "x"
start = "soon"
gain = "line"
[connectors.b]
type = "cloud"
[connectors.b.costs]
bucket = "b"
[connectors.c]
type = "cloud"
cost = true
""",
    )

    assert [
        (
            "ogfd.toml:4: sinks.main.password: plain secrets are refused; write file:PATH, env:NAME "
            "or cred:NAME, or set allow_plain_secrets = true in [daemon]"
        ),
        "ogfd.toml:5: sinks.main.pth: unknown key; did you mean path?",
        "ogfd.toml:7: daemon.org: unknown key; did you mean org_id?",
        "ogfd.toml:10: connectors.a.regon: unknown key; did you mean region?",
        "ogfd.toml:11: connectors.a.enabeld: unknown key; did you mean enabled?",
        "ogfd.toml:12: connectors.a.flavour: input should be 'plain' or 'rich'",
        "ogfd.toml:13: connectors.a.scopes.1: input should be a valid string",
        "ogfd.toml:14: connectors.a.login.password: is missing",
        "ogfd.toml:16: connectors.a.cost.bucket: is missing: name of the bucket",
        "ogfd.toml:17: connectors.a.cost.prefx: unknown key; did you mean prefix?",
        'ogfd.toml:18: connectors.a.cost.start: must be a month, written "YYYY-MM"',
        "ogfd.toml:19: connectors.a.cost.gain: unknown key; did you mean grain?",
        (
            "ogfd.toml:20: connectors.b: no stream is on; add [connectors.b.cost] or "
            "[connectors.b.carbon]"
        ),
        "ogfd.toml:22: connectors.b.costs: unknown key; did you mean cost?",
        "ogfd.toml:26: connectors.c.cost: must be a table",
    ] == found


def test_a_connector_may_have_no_stream_while_its_sources_are_looked_for(bound):
    """That is how somebody finds out what to configure."""
    text = '[connectors.a]\ntype = "cloud"\n'
    (found,) = mistakes(bound, text)

    assert "no stream is on" in found
    assert {} == bound(text, streamless=True).connectors["a"].streams


def test_a_plugins_message_is_rid_of_the_value(bound):
    """A validator that quotes what it was given gives nothing away."""
    (found,) = mistakes(
        bound,
        '[connectors.a]\ntype = "cloud"\nregion = "canary-7"\n[connectors.a.carbon]\n',
    )

    assert "ogfd.toml:6: connectors.a.region: there is no region ***" == found


def test_a_validator_that_crashes_makes_its_connector_a_problem(bound):
    """It is a bug of the plugin; the others run."""
    found = bound(
        '[connectors.a]\ntype = "cloud"\nregion = "crash"\n[connectors.a.carbon]\n'
        '[connectors.b]\ntype = "cloud"\n[connectors.b.carbon]\n'
    )

    assert {"b"} == found.connectors.keys()
    assert Reason.BROKEN == found.problems["connectors.a"].reason
    assert "crash" not in str(found.problems["connectors.a"])


def test_a_connector_whose_plugin_is_missing_or_broken_leaves_the_others_running(bound, shelf):
    """Only what the configuration names is loaded, once each."""
    shelf.add("bad", "ogfd.connectors", OSError("no"))
    unused = shelf.connector("unused")
    found = bound(
        """
[connectors.a]
type = "cloud"
[connectors.a.carbon]
[connectors.b]
type = "bad"
[connectors.c]
type = "clod"
[connectors.d]
type = "cloud"
[connectors.d.carbon]
"""
    )

    assert {"a", "d"} == found.connectors.keys()
    assert {"connectors.b": Reason.BROKEN, "connectors.c": Reason.MISSING} == {
        name: problem.reason for name, problem in found.problems.items()
    }
    assert "did you mean cloud?" in str(found.problems["connectors.c"])
    assert [1, 0] == [shelf.entries[0].loads, unused.loads]


def test_a_sink_whose_plugin_is_missing_is_a_mistake(bound):
    """Without it rows have nowhere to go."""
    (found,) = mistakes(bound, '[sinks.other]\ntype = "stor"\n')

    assert "ogfd.toml:5: sinks.other.type: there is no sink plugin stor; did you mean store?" == (
        found
    )


def test_plain_secrets_are_taken_when_the_daemon_says_so(bound):
    """And still do not render."""
    found = bound(
        "[daemon]\nallow_plain_secrets = true\n"
        '[connectors.a]\ntype = "cloud"\nsecret_key = "canary"\n[connectors.a.carbon]\n'
    )

    assert "canary" == found.connectors["a"].config.secret_key.reveal()
    assert "canary" not in repr(found)


def test_a_number_in_a_variable_becomes_a_string_where_the_model_wants_one(bound):
    """The environment has no types; what is written in TOML has, and is refused."""
    text = '[connectors.a]\ntype = "cloud"\n[connectors.a.cost]\nbucket = "b"\n'
    found = bound(text, OGFD_CONNECTORS__A__COST__BUCKET="4711")

    assert "4711" == found.connectors["a"].config.cost.bucket
    assert ["ogfd.toml:7: connectors.a.cost.bucket: input should be a valid string"] == mistakes(
        bound, text.replace('"b"', "4711")
    )


def test_a_mistake_made_in_a_variable_names_it(bound):
    """Also when it is the plugin's model that finds it."""
    (found,) = mistakes(
        bound,
        '[connectors.a]\ntype = "cloud"\n[connectors.a.carbon]\n',
        OGFD_CONNECTORS__A__FLAVOUR="canary",
    )

    assert found.startswith("OGFD_CONNECTORS__A__FLAVOUR: connectors.a.flavour: input should be")
    assert "canary" not in found
