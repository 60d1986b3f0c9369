"""``ogfd config``."""

import json
import stat
import tomllib

import pytest

from ogfd.cli.installation import Installation
from ogfd.cli.root import invoke
from ogfd.registry import Registry

MAIN = """\
# written by hand
[daemon]
org_id = "acme"
[sinks.main]
type = "sqlite"
path = "x.db"
[connectors.files]
type = "hello"
directory = "/srv"
[connectors.files.cost]
"""
AWS = """\
[connectors.aws]
type = "aws"
access_key_id = "AKIA0"
secret_access_key = "env:SECRET"
[connectors.aws.cost]
bucket = "bucket"
"""


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Return a main file, in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ogfd.toml"
    path.write_text(MAIN)
    return path


@pytest.fixture
def run(capsys):
    """Return a function that runs ``ogfd config`` and returns exit code, stdout, stderr."""

    def config(*args, **environ):
        code = invoke(
            ["config", *map(str, args)], Installation(environ=environ, registry=Registry())
        )
        said = capsys.readouterr()
        return code, said.out, said.err

    return config


def test_validate_says_what_is_configured(main, run):
    """Exit 0, in one line; -c may stand before the command or after it."""
    code, out, err = run("validate", "-c", main)

    assert (0, "") == (code, err)
    assert f"{main}: ok; connectors: files; sinks: main\n" == out
    assert 0 == invoke(["-c", str(main), "config", "validate"])


def test_validate_prints_every_mistake_and_exits_78(main, run):
    """One line each, to stderr."""
    main.write_text(MAIN.replace("org_id", "orgid").replace("directory", "dir"))
    code, out, err = run("validate", "-c", main)

    assert (78, "") == (code, out)
    assert [
        f"ogfd: {main}:3: daemon.orgid: unknown key; did you mean org_id?",
        f"ogfd: {main}:7: connectors.files.directory: is missing: where the files lie",
        f"ogfd: {main}:9: connectors.files.dir: unknown key; did you mean directory?",
    ] == err.splitlines()


def test_validate_counts_a_plugin_that_is_missing(main, run):
    """The daemon would run the others, but this is the time to notice."""
    main.write_text(MAIN.replace('"hello"', '"helo"'))
    code, _, err = run("validate", "-c", main)

    assert 78 == code
    assert "connectors.files: there is no connector plugin helo; did you mean hello?" in err


def test_show_prints_what_counts(main, run):
    """Files and environment merged, defaults filled in, as TOML that parses."""
    code, out, _ = run("show", "-c", main, OGFD_CONNECTORS__FILES__SCHEDULE="1h")
    shown = tomllib.loads(out)

    assert 0 == code
    assert out.startswith(f"# {main}\n")
    assert ("acme", "/var/lib/ogfd") == (shown["daemon"]["org_id"], shown["daemon"]["state_dir"])
    assert {"type": "sqlite", "path": "x.db", "busy_timeout": 30.0} == shown["sinks"]["main"]
    assert ("1h", "/srv") == (
        shown["connectors"]["files"]["schedule"],
        shown["connectors"]["files"]["directory"],
    )
    assert {"schedule": "1h", "grain": "daily", "tags": [], "resource_ids": False} == (
        shown["connectors"]["files"]["cost"]
    )


def test_show_never_prints_a_secret(main, run):
    """References show; plain secrets, passwords in URLs and what nobody can judge do not."""
    main.write_text(
        MAIN.replace(
            "[daemon]", '[daemon]\nallow_plain_secrets = true\nproxy = "http://u:p@canary@p:1"'
        )
        + AWS.replace("AKIA0", "AKIA1").replace("env:SECRET", "canary")
        + AWS.replace("aws]", "ref]").replace("aws.", "ref.")
        + '[connectors.lost]\ntype = "lost"\nkey = "canary"\nref = "env:KEY"\n'
        + '[connectors.lost.login]\npasswords = ["canary"]\n'
    )
    code, out, err = run("show", "--json", "-c", main)
    shown = json.loads(out)

    assert 0 == code
    assert "canary" not in out + err
    assert "***" == shown["connectors"]["aws"]["secret_access_key"]
    assert "env:SECRET" == shown["connectors"]["ref"]["secret_access_key"]
    assert "http://***@p:1" == shown["daemon"]["proxy"]
    assert ("***", "env:KEY") == (
        shown["connectors"]["lost"]["key"],
        shown["connectors"]["lost"]["ref"],
    )
    assert [str(main)] == shown["files"]


def test_show_of_a_wrong_configuration_is_a_json_document_too(main, run):
    """Programs need not parse stderr."""
    main.write_text("[daemon]\n")
    code, out, _ = run("show", "--json", "-c", main)
    error = json.loads(out)["error"]

    assert (78, 78) == (code, error["exit_code"])
    assert "no sink is configured" in error["mistakes"][0]


def test_set_writes_an_override_and_leaves_the_main_file(main, run):
    """A second one adds to the first."""
    main.chmod(0o640)
    first = run("set", "connectors.files.schedule", "1h", "-c", main)
    second = run("set", 'retry.classify."500"', "fatal", "-c", main)
    file = main.parent / "ogfd.d" / "90-set.toml"

    assert (0, 0) == (first[0], second[0])
    assert MAIN == main.read_text()
    assert {
        "connectors": {"files": {"schedule": "1h"}},
        "retry": {"classify": {"500": "fatal"}},
    } == tomllib.loads(file.read_text())
    assert 0o640 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "connectors.files.schedule",
            "often",
            "90-set.toml:2: connectors.files.schedule: write an",
        ),
        ("connectors.files.directry", "/x", "directry: unknown key; did you mean directory?"),
        ("connectors.files.type", "helo", "there is no connector plugin helo"),
        ("daemon", "5", "daemon: must be a table"),
        ("connectors.new.schedule", "1h", "connectors.new: the key type is missing"),
    ],
)
def test_set_refuses_what_makes_a_mistake(main, run, key, value, message):
    """Nothing is written."""
    code, out, err = run("set", key, value, "-c", main)

    assert (78, "") == (code, out)
    assert message in err
    assert not (main.parent / "ogfd.d").exists()


def test_set_refuses_a_plain_secret_without_repeating_it(main, run):
    """A secret on the command line is one too many already."""
    main.write_text(MAIN + AWS)
    code, out, err = run("set", "connectors.aws.secret_access_key", "canary", "-c", main)

    assert 78 == code
    assert "plain secrets are refused" in err
    assert "canary" not in out + err


def test_set_may_mend_one_mistake_of_two(main, run):
    """Only mistakes that were not there before count against the change."""
    main.write_text(MAIN.replace("[daemon]", '[daemon]\nslices = "x"\nmemory = "x"'))

    assert 0 == run("set", "daemon.slices", "2", "-c", main)[0]
    assert 78 == run("set", "daemon.slices", "0", "-c", main)[0]


def test_set_says_when_something_else_wins(main, run):
    """Otherwise the operator would wonder."""
    (main.parent / "ogfd.d").mkdir()
    (main.parent / "ogfd.d" / "95-late.toml").write_text("[daemon]\nslices = 9\n")

    assert "95-late.toml sets daemon.slices too" in run("set", "daemon.slices", "2", "-c", main)[2]
    assert (
        "OGFD_DAEMON__ORG_ID sets daemon.org_id too"
        in (run("set", "daemon.org_id", "x", "-c", main, OGFD_DAEMON__ORG_ID="y")[2])
    )


@pytest.mark.parametrize("broken", [b"[daemon]\nslices = \n", b"[daemon]\norg_id = '\xff'\n"])
def test_set_names_the_line_of_overrides_that_are_broken(main, run, broken):
    """It is the configuration that is wrong, not the key."""
    file = main.parent / "ogfd.d" / "90-set.toml"
    file.parent.mkdir()
    file.write_bytes(broken)
    code, out, err = run("set", "daemon.slices", "2", "-c", main)

    assert (78, "") == (code, out)
    assert f"ogfd: {file}:2: " in err
    assert broken == file.read_bytes()


@pytest.mark.parametrize("args", [["set", "a b", "1"], ["set", "x"], ["nosuch"], ["show", "--no"]])
def test_wrong_usage_exits_64(main, run, args):
    """As for every command."""
    assert 64 == run(*args)[0]


def test_init_writes_a_configuration_that_is_valid(main, run):
    """And never over one that is there."""
    fresh = main.parent / "sub" / "ogfd.toml"
    code, out, _ = run("init", "--output", fresh)

    assert 0 == code
    assert str(fresh) in out
    assert 0 == run("validate", "-c", fresh)[0]
    assert main.stat().st_mode == fresh.stat().st_mode
    assert 64 == run("init", "--output", fresh)[0]
    assert 64 == run("init")[0]


def test_init_takes_the_predecessors_variables(main, run):
    """Secrets become references; what nobody understands is named."""
    environ = {
        "OFFGRIDFLOW_AWS_ACCESS_KEY_ID": "AKIA0",
        "OFFGRIDFLOW_AWS_SECRET_ACCESS_KEY": "canary",
        "OFFGRIDFLOW_AWS_REGION": "eu-west-1",
        "OFFGRIDFLOW_AWS_CUR_BUCKET": "bucket",
        "OFFGRIDFLOW_AWS_ODD": "x",
    }
    code, out, err = run("init", "--from-env", "--output", "-", **environ)
    aws = tomllib.loads(out)["connectors"]["aws"]

    assert 0 == code
    assert "canary" not in out + err
    assert ("aws", "eu-west-1", "AKIA0") == (aws["type"], aws["region"], aws["access_key_id"])
    assert "env:OFFGRIDFLOW_AWS_SECRET_ACCESS_KEY" == aws["secret_access_key"]
    assert "bucket" == aws["cost"]["bucket"]
    assert "OFFGRIDFLOW_AWS_ODD is set, but no installed connector knows it" in err


def test_init_names_the_variable_that_is_missing_for_a_stream(main, run):
    """What is set turns on nothing, and the configuration alone does not tell why."""
    code, _, err = run(
        "init", "--from-env", "--output", "-", OFFGRIDFLOW_GCP_PROJECT_ID="acme-finops"
    )

    assert 78 == code
    assert "OFFGRIDFLOW_GCP_BIGQUERY_TABLE or OFFGRIDFLOW_GCP_COST_TABLE" in err


def test_init_says_when_a_secret_stands_in_a_dotenv_alone(main, run):
    """A reference to a variable that the service does not get would fail later."""
    (main.parent / ".env").write_text(
        "OFFGRIDFLOW_AWS_ACCESS_KEY_ID=AKIA0\nOFFGRIDFLOW_AWS_SECRET_ACCESS_KEY=canary\n"
        "OFFGRIDFLOW_AWS_CUR_BUCKET=bucket\n"
    )
    code, out, err = run("init", "--from-env", "--output", "-")

    assert 0 == code
    assert "OFFGRIDFLOW_AWS_SECRET_ACCESS_KEY stands in .env alone" in err
    assert "canary" not in out + err


def test_init_takes_the_dotenv_beside_the_file_that_is_named(main, run):
    """Also if the result is only printed."""
    (main.parent / "there").mkdir()
    (main.parent / "there" / ".env").write_text("OFFGRIDFLOW_AWS_CUR_BUCKET=bucket\n")
    there = main.parent / "there" / "ogfd.toml"
    code, out, _ = run("init", "--from-env", "--output", "-", "-c", there)

    assert (0, "bucket") == (code, tomllib.loads(out)["connectors"]["aws"]["cost"]["bucket"])
    assert not there.exists()


def test_a_variable_of_the_predecessor_forms_a_connector_beside_others(main, run):
    """Carbon of AWS needs no key, so it is on."""
    code, out, err = run("validate", "-c", main, OFFGRIDFLOW_AWS_REGION="eu-west-1")

    assert (0, f"{main}: ok; connectors: files, aws; sinks: main\n", "") == (code, out, err)


def test_init_without_any_variable_says_so(main, run):
    """An empty result would look like success."""
    assert 64 == run("init", "--from-env", "--output", "-")[0]


def test_schema_describes_the_installed_plugins(main, run):
    """The main file fits it."""
    jsonschema = pytest.importorskip("jsonschema")
    code, out, _ = run("schema")
    validator = jsonschema.Draft202012Validator(json.loads(out))

    assert 0 == code
    assert validator.is_valid(tomllib.loads(MAIN + AWS))
    assert not validator.is_valid(tomllib.loads(MAIN + AWS.replace("bucket =", "buckt =")))
