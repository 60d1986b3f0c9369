"""The JSON schema of a configuration."""

import pytest

from ogfd.registry import config_schema, descriptions

jsonschema = pytest.importorskip("jsonschema")

GOOD = {
    "daemon": {"org_id": "acme", "memory": "256MiB"},
    "retry": {"classify": {"500": "fatal"}},
    "sinks": {"main": {"type": "store", "path": "x"}},
    "connectors": {
        "a": {
            "type": "cloud",
            "schedule": "6h",
            "login": {"user": "u", "password": "env:P"},
            "accounts": {"exclude": ["9*"]},
            "cost": {"bucket": "b", "start": "2025-01"},
        }
    },
}


@pytest.fixture
def schema(shelf):
    """Return the schema with one connector and one sink plugin."""
    shelf.connector()
    shelf.sink()
    found = config_schema(
        [shelf.registry.load_connector("cloud")], [shelf.registry.load_sink("store")]
    )
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def wrong(schema, document) -> bool:
    return not jsonschema.Draft202012Validator(schema).is_valid(document)


def changed(*path, value):
    """Return the good document with another value at *path*."""
    document = {**GOOD}
    table = document
    for name in path[:-1]:
        table[name] = dict(table.get(name, {}))
        table = table[name]
    table[path[-1]] = value
    return document


def test_a_good_configuration_fits(schema):
    """Editors that know the schema complain about nothing."""
    jsonschema.Draft202012Validator(schema).validate(GOOD)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("demon",), {}),
        (("daemon", "org"), "x"),
        (("daemon", "slices"), 0),
        (("sinks",), {}),
        (("sinks", "main", "pth"), "x"),
        (("sinks", "Main"), {"type": "store", "path": "x"}),
        (("connectors", "a", "type"), "nosuch"),
        (("connectors", "a", "regon"), "x"),
        (("connectors", "a", "login"), {"user": "u"}),
        (("connectors", "a", "cost", "bucket"), 5),
        (("connectors", "a", "cost", "start"), "soon"),
        (("connectors", "a", "retry"), {"classify": {"500": "deadly"}}),
        (("connectors", "a", "retry"), {"classify": {"5xx": "fatal"}}),
    ],
)
def test_what_load_would_refuse_does_not_fit(schema, path, value):
    """Reserved keys and the plugins' own are both described."""
    assert wrong(schema, changed(*path, value=value))


def test_keys_carry_what_they_are_for_and_their_defaults(schema):
    """A plugin's docstring is as good as a field description."""
    daemon = schema["properties"]["daemon"]["properties"]
    rules = schema["properties"]["connectors"]["additionalProperties"]["allOf"]
    cloud = rules[0]["then"]["properties"]

    assert "/var/lib/ogfd" == daemon["state_dir"]["default"]
    assert "name of the bucket" == cloud["cost"]["properties"]["bucket"]["description"]
    assert "where the bucket is" == cloud["region"]["description"]
    assert "6h" == cloud["schedule"]["default"]


def test_a_description_may_go_over_lines():
    """Entries of the docstring are taken whole, and nothing of the next section."""
    from ogfd.plugin import PluginConfig

    class Config(PluginConfig):
        """
        Some table.

        Attributes:
            first: goes on
                and on.
            second: ends.

        Raises:
            third: never.
        """

        first: str
        second: str
        third: str

    assert {"first": "goes on and on", "second": "ends", "third": ""} == descriptions(Config)
