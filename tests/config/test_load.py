"""The configuration from files and environment."""

from pathlib import Path

import pytest

from ogfd.config import (
    ConfigError,
    DaemonConfig,
    did_you_mean,
    find,
    load,
)
from ogfd.plugin import ErrorClass, Grain

SINK = '[sinks.main]\ntype = "sqlite"\npath = "x.db"\n'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep a ``.env`` or ``ogfd.toml`` of the developer out."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def main(tmp_path):
    """Return the path of the main file, which is not there yet."""
    return tmp_path / "ogfd.toml"


def drop_in(main: Path, name: str, text: str) -> Path:
    path = main.parent / "ogfd.d" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def said(mistakes) -> list[str]:
    """Return mistakes as text, with the file's name alone."""
    return [
        str(mistake).replace(f"{mistake.file.parent}/", "") if mistake.file else str(mistake)
        for mistake in mistakes
    ]


def test_the_first_file_found_is_read(tmp_path):
    """``-c`` wins over OGFD_CONFIG, and that over the usual places in their order."""
    places = [tmp_path / "etc.toml", tmp_path / "here.toml"]
    for place in places:
        place.touch()
    named, environ = tmp_path / "named.toml", {"OGFD_CONFIG": str(tmp_path / "env.toml")}

    assert named == find(named, environ, places)
    assert tmp_path / "env.toml" == find(None, environ, places)
    assert places[0] == find(None, {}, places)
    assert places[1] == find(None, {}, places[1:])
    assert None is find(None, {}, [tmp_path / "none.toml"])


def test_without_any_configuration_the_operator_is_told_where_it_was_looked_for():
    """The message names the places and the command that writes a file."""
    with pytest.raises(ConfigError, match=r"/etc/ogfd/ogfd.toml or ogfd.toml.*ogfd config init"):
        load(None, {})


def test_a_named_file_that_is_not_there_is_a_mistake(main):
    """There is no fall back on another file."""
    with pytest.raises(ConfigError, match=r"ogfd.toml: cannot be read: No such file"):
        load(main, {})


def test_defaults_are_those_of_the_documentation(main):
    """A sink is all that must be there."""
    main.write_text(SINK)
    settings, mistakes = load(main, {})

    assert () == mistakes
    assert DaemonConfig() == settings.daemon
    assert (Path("/var/lib/ogfd"), "127.0.0.1:8090", 256 << 20, 20 << 30) == (
        settings.daemon.state_dir,
        settings.daemon.listen,
        settings.daemon.memory,
        settings.daemon.spool_quota,
    )
    assert ("all", 3, (main,)) == (settings.archive.keep, settings.retry.retries, settings.files)
    assert {"path": "x.db"} == settings.sinks["main"].values


def test_a_connector_table_is_read_in_full(main):
    """Reserved keys are typed, the plugin's stay as they are, tables are candidates for streams."""
    main.write_text(
        SINK
        + """
[retry]
retries = 5
classify = { "500" = "fatal", Slow = "transient" }
[connectors.aws-prod]
type = "aws"
enabled = false
schedule = "15 */6 * * *"
start = "2025-01"
grain = "hourly"
tags = ["team", "env", "team"]
resource_ids = true
rate = 2
burst = 10
retry = { retries = 1, classify = { Slow = "unknown" } }
sinks = ["main"]
org_id = "acme"
accounts = { exclude = ["999*"] }
region = "us-east-1"
[connectors.aws-prod.cost]
grain = "monthly"
bucket = "b"
"""
    )
    settings, mistakes = load(main, {})
    table = settings.connectors["aws-prod"]
    cost = table.streams["cost"]

    assert () == mistakes
    assert ("aws", False, "15 */6 * * *", "2025-01") == (
        table.type,
        table.enabled,
        table.schedule,
        table.start,
    )
    assert (Grain.HOURLY, ("team", "env"), True) == (table.grain, table.tags, table.resource_ids)
    assert (2.0, 10.0, ("main",), "acme") == (table.rate, table.burst, table.sinks, table.org_id)
    assert ((), ("999*",)) == (table.accounts.include, table.accounts.exclude)
    assert 1 == table.retry.retries
    assert {"500": ErrorClass.FATAL, "Slow": ErrorClass.UNKNOWN} == table.retry.classify
    assert {"region": "us-east-1"} == table.values
    assert (Grain.MONTHLY, None, {"bucket": "b"}) == (cost.grain, cost.start, cost.values)


def test_later_files_win_key_by_key(main):
    """Files in ogfd.d merge in the order of their names; what they do not say stays."""
    main.write_text(SINK + '[daemon]\norg_id = "main"\nslices = 1\n')
    second = drop_in(main, "20-b.toml", '[daemon]\norg_id = "second"\n')
    first = drop_in(main, "10-a.toml", '[daemon]\norg_id = "first"\nlog_level = "debug"\n')
    drop_in(main, "30-not.txt", "not TOML")
    settings, mistakes = load(main, {})

    assert () == mistakes
    assert ("second", 1, "debug") == (
        settings.daemon.org_id,
        settings.daemon.slices,
        settings.daemon.log_level,
    )
    assert (main, first, second) == settings.files
    assert (second, 2) == settings.locate("daemon.org_id")
    assert (main, 4) == settings.locate("daemon")
    assert (main, 4) == settings.locate("daemon.proxy")


def test_a_proposed_text_counts_instead_of_the_file(main):
    """A change can be tried before it is written, in a file that is not there yet too."""
    main.write_text(SINK)
    proposed = {main.parent / "ogfd.d" / "90-set.toml": '[daemon]\norg_id = "new"\n'}

    assert "new" == load(main, {}, proposed=proposed)[0].daemon.org_id
    assert "default" == load(main, {})[0].daemon.org_id


def test_all_mistakes_come_at_once_with_their_lines(main):
    """One run of the command is enough to mend a file."""
    main.write_text(
        """\
[demon]
[daemon]
org_idd = "x"
listen = "nowhere"
slices = 0
memory = "256 parsecs"
timezone = "Mars/Olympus"
[archive]
keep = "some"
[retry.classify]
"500" = "deadly"
5xx = "fatal"
200 = "fatal"
"slow down" = "fatal"
[sinks.Main]
type = "sqlite"
[sinks.typeless]
typ = "sqlite"
[connectors.a]
type = "aws"
start = "2025-13"
schedule = "61 * * * *"
tags = "team"
burst = 0.5
sinks = ["mane", "Main"]
accounts = { exclud = ["9"] }
[connectors.b]
type = 5
"""
    )
    _, mistakes = load(main, {})

    assert [
        "ogfd.toml:1: demon: unknown table; did you mean daemon?",
        "ogfd.toml:3: daemon.org_idd: unknown key; did you mean org_id?",
        'ogfd.toml:4: daemon.listen: must be HOST:PORT, such as "127.0.0.1:8090" or "[::1]:8090"',
        "ogfd.toml:5: daemon.slices: must be a whole number within 1-1024",
        'ogfd.toml:6: daemon.memory: must be a size in bytes, such as "256MiB" or "20GiB"',
        'ogfd.toml:7: daemon.timezone: must be the name of a time zone, such as "Europe/Berlin"',
        "ogfd.toml:9: archive.keep: must be one of all, latest, none",
        (
            "ogfd.toml:11: retry.classify.500: must be one of transient, auth, bad_request, "
            "not_found, fatal, unknown"
        ),
        (
            "ogfd.toml:12: retry.classify.5xx: is neither an HTTP status within 300-599, such "
            'as "500", nor a code of the provider, such as "SlowDown"'
        ),
        (
            "ogfd.toml:13: retry.classify.200: is neither an HTTP status within 300-599, such "
            'as "500", nor a code of the provider, such as "SlowDown"'
        ),
        (
            'ogfd.toml:14: retry.classify."slow down": is neither an HTTP status within 300-599, '
            'such as "500", nor a code of the provider, such as "SlowDown"'
        ),
        "ogfd.toml:15: sinks.Main: a name is made of a-z, 0-9 and - alone",
        (
            "ogfd.toml:17: sinks.typeless: the key type is missing: it names the plugin "
            "(there is typ; did you mean type?)"
        ),
        'ogfd.toml:21: connectors.a.start: must be a month, written "YYYY-MM"',
        (
            "ogfd.toml:22: connectors.a.schedule: the minute of the cron line is not within 0-59; "
            'write an interval such as "6h" or a cron line such as "15 */6 * * *"'
        ),
        'ogfd.toml:23: connectors.a.tags: must be an array of strings, such as ["a", "b"]',
        "ogfd.toml:24: connectors.a.burst: must be a number of at least 1",
        "ogfd.toml:25: connectors.a.sinks: there is no [sinks.mane]; did you mean Main?",
        "ogfd.toml:26: connectors.a.accounts.exclud: unknown key; did you mean exclude?",
        "ogfd.toml:28: connectors.b.type: must be a string that is not empty",
    ] == said(mistakes)


def test_without_a_sink_the_operator_is_told_what_to_add(main):
    """There is nowhere to put rows."""
    main.write_text("")

    assert "no sink is configured; add [sinks.main]" in str(load(main, {})[1][0])


@pytest.mark.parametrize("key", ["daemon", "archive", "retry", "sinks", "connectors"])
def test_a_value_where_a_table_belongs_is_a_mistake(main, key):
    """It is named, not stumbled over."""
    main.write_text(f"{key} = 3\n" + (SINK if key != "sinks" else ""))

    assert f"ogfd.toml:1: {key}: must be a table" in said(load(main, {})[1])


def test_the_reserved_keys_of_a_stream_are_judged_only_when_it_is_one(main):
    """A plugin's own sub-table may use the same words."""
    main.write_text(SINK + '[connectors.a]\ntype = "x"\n[connectors.a.login]\nschedule = "later"\n')
    settings, mistakes = load(main, {})
    login = settings.connectors["a"].streams["login"]

    assert () == mistakes
    assert {"schedule": "later"} == login.whole
    assert ["ogfd.toml:7"] == [text.partition(": ")[0] for text in said(login.mistakes)]


def test_broken_toml_is_named_by_file_and_line(main):
    """Every broken file is named, and no value is quoted."""
    main.write_text('[daemon]\norg_id = "canary-1\n')
    drop_in(main, "10.toml", "a = 1\na = 'canary-2'\n")
    drop_in(main, "20.toml", "a = [1,\n\n")
    drop_in(main, "30.toml", "x")
    (main.parent / "ogfd.d" / "30.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigError) as caught:
        load(main, {})
    places = [(mistake.file.name, mistake.line) for mistake in caught.value.mistakes]

    assert [("10.toml", 2), ("20.toml", 1), ("30.toml", 2), ("ogfd.toml", 2)] == sorted(places)
    assert "canary" not in str(caught.value)


def test_settings_do_not_render_what_may_be_secret(main):
    """Neither plugin keys nor a proxy's password show in a repr."""
    main.write_text(
        SINK.replace("x.db", "canary")
        + '[daemon]\nproxy = "http://u:canary@proxy:1"\n'
        + '[connectors.a]\ntype = "aws"\nkey = "canary"\n[connectors.a.cost]\nkey = "canary"\n'
    )
    settings, _ = load(main, {"OFFGRIDFLOW_AWS_SECRET": "canary"})

    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("proxy", "allow", "refused"),
    [
        ("http://u:canary@proxy:1", "false", True),
        ("http://u:canary@proxy:1", "true", False),
        ("http://u@proxy:1", "false", False),
        ("env:PROXY", "false", False),
    ],
)
def test_a_proxy_with_a_plain_password_is_a_secret_like_any_other(main, proxy, allow, refused):
    """It may stand where a reference leads."""
    main.write_text(SINK + f'[daemon]\nproxy = "{proxy}"\nallow_plain_secrets = {allow}\n')
    settings, mistakes = load(main, {})

    mistake = (
        "ogfd.toml:5: daemon.proxy: holds a plain password; put the URL where file:PATH, "
        "env:NAME or cred:NAME leads, or set allow_plain_secrets = true"
    )
    assert proxy == settings.daemon.proxy
    assert ([mistake] if refused else []) == said(mistakes)


def test_a_guess_is_made_only_when_it_is_close():
    """A far-fetched guess is worse than none."""
    assert "; did you mean region?" == did_you_mean("regon", ["region", "role_arn"])
    assert "" == did_you_mean("zzz", ["region"])
