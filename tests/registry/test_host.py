"""Plugins found, loaded one by one, and kept from harming each other."""

from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from types import ModuleType

import click
import pytest
from pydantic import BaseModel

from ogfd.plugin import Kind, Limit, PluginConfig, StreamSpec, hookimpl
from ogfd.registry import PluginProblem, Reason, Registry, remarks


def problem(load, name) -> PluginProblem:
    with pytest.raises(PluginProblem) as caught:
        load(name)
    return caught.value


def test_listing_imports_nothing(shelf):
    """A broken plugin that nobody uses is never noticed."""
    entries = [shelf.connector(), shelf.sink(), shelf.add("bad", "ogfd.connectors", OSError())]
    shelf.add("demo", "ogfd.commands", None, dist=None)
    listed = [
        (info.kind, info.name, info.dist, info.version) for info in shelf.registry.available()
    ]

    assert [
        ("command", "demo", None, None),
        ("connector", "bad", "a-dist", "1.2.3"),
        ("connector", "cloud", "a-dist", "1.2.3"),
        ("sink", "store", "a-dist", "1.2.3"),
    ] == listed
    assert [0, 0, 0] == [entry.loads for entry in entries]


def test_the_installed_plugins_are_found():
    """What this distribution brings is listed from its metadata."""
    names = {(info.kind, info.name) for info in Registry().available()}

    assert {("sink", "sqlite"), ("sink", "jsonl"), ("connector", "hello")} <= names


def test_a_good_plugin_gives_its_spec(shelf):
    """Loading it touches no other."""
    shelf.connector()
    shelf.sink()
    other = shelf.connector("other")

    assert "cloud" == shelf.registry.load_connector("cloud").name
    assert "store" == shelf.registry.load_sink("store").name
    assert 0 == other.loads


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'gone'"),
        SystemExit("no licence"),
        RuntimeError("two\nlines"),
        ZeroDivisionError(),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_broken_and_the_rest_works(shelf, error):
    """The message has the class and the text of the error, in one line and without a traceback."""
    shelf.add("bad", "ogfd.connectors", error)
    shelf.connector()
    found = problem(shelf.registry.load_connector, "bad")
    text = " ".join(str(error).split())

    assert (Reason.BROKEN, "bad", "a-dist") == (found.reason, found.plugin, found.dist)
    assert f"cannot be imported: {type(error).__name__}{': ' if text else ''}{text}" in str(found)
    assert "\n" not in str(found)
    assert "cloud" == shelf.registry.load_connector("cloud").name


def test_a_real_entry_point_of_a_missing_module_is_broken(shelf):
    """What importlib.metadata raises is caught too."""
    shelf.real("gone", "ogfd.connectors", "no_such_module_anywhere")

    assert "ModuleNotFoundError" in str(problem(shelf.registry.load_connector, "gone"))


def test_a_plugin_of_another_contract_version_is_refused(shelf):
    """Whatever else its spec holds is not looked at."""
    shelf.connector("future", api_version=99, streams={}, mapping_version=None)
    shelf.sink("old", api_version=0)
    future = problem(shelf.registry.load_connector, "future")

    assert Reason.WRONG_VERSION == future.reason
    assert "speaks version 99 of the plugin contract, this ogfd speaks 1" in str(future)
    assert "upgrade a-dist or ogfd" in str(future)
    assert Reason.WRONG_VERSION == problem(shelf.registry.load_sink, "old").reason


def test_a_module_without_the_hook_is_named_so(shelf, announce):
    """A hook of nearly the right name, or of the other group, is pointed out."""
    shelf.add("empty", "ogfd.connectors", ModuleType("empty"))
    shelf.add("typo", "ogfd.connectors", announce("ogfd_conector", lambda: None))
    shelf.add("mixed", "ogfd.sinks", announce("ogfd_connector", lambda: None))
    empty = problem(shelf.registry.load_connector, "empty")
    typo = problem(shelf.registry.load_connector, "typo")

    assert (Reason.NO_HOOK, Reason.NO_HOOK) == (empty.reason, typo.reason)
    assert "has no @hookimpl function ogfd_connector" in str(empty)
    assert "did you mean ogfd_connector by ogfd_conector?" in str(typo)
    assert Reason.NO_HOOK == problem(shelf.registry.load_sink, "mixed").reason


@pytest.mark.parametrize("answer", [None, "spec", {"name": "odd"}, object()])
def test_a_hook_that_returns_something_else_is_broken(shelf, announce, answer):
    """Only a spec will do."""
    shelf.add("odd", "ogfd.connectors", announce("ogfd_connector", lambda: answer))

    assert "did not return a ConnectorSpec" in str(problem(shelf.registry.load_connector, "odd"))


def test_a_hook_that_fails_or_takes_arguments_is_broken(shelf, announce):
    """pluggy's own refusal counts as well."""
    module = ModuleType("greedy")

    def ogfd_connector(config):
        return config

    module.ogfd_connector = hookimpl(ogfd_connector)
    shelf.add("fails", "ogfd.connectors", announce("ogfd_connector", lambda: 1 / 0))
    shelf.add("greedy", "ogfd.connectors", module)

    assert "ogfd_connector failed: ZeroDivisionError" in str(
        problem(shelf.registry.load_connector, "fails")
    )
    assert Reason.BROKEN == problem(shelf.registry.load_connector, "greedy").reason


def test_two_distributions_with_one_name_are_a_problem(shelf):
    """Neither is chosen by chance."""
    shelf.connector()
    shelf.add("cloud", "ogfd.connectors", None, dist="b-dist")

    assert "a-dist and b-dist both bring it (uninstall one of them)" in str(
        problem(shelf.registry.load_connector, "cloud")
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aws", "there is no connector plugin aws (install it: pip install ogfd-aws)"),
        ("clod", "there is no connector plugin clod; did you mean cloud?"),
        ("zzzzzz", "there is no connector plugin zzzzzz (installed are: cloud)"),
    ],
)
def test_a_missing_plugin_comes_with_what_to_do(shelf, name, message):
    """A known one can be installed, a near one was meant, else there is the list."""
    shelf.connector()
    found = problem(shelf.registry.load_connector, name)

    assert (Reason.MISSING, message) == (found.reason, str(found))


class Loose(PluginConfig, extra="ignore"):
    cost: PluginConfig | None = None


class Clashing(PluginConfig):
    schedule: str = ""
    cost: PluginConfig | None = None


class Streamless(PluginConfig):
    pass


class Compulsory(PluginConfig):
    cost: PluginConfig


STREAM = StreamSpec(config=PluginConfig, kind=Kind.COST)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "the spec is named other, its entry point cloud"),
        ({"provider": "My Cloud"}, "provider must be a lower-case word"),
        ({"mapping_version": 0}, "mapping_version must be a whole number"),
        ({"open": None}, "open must be callable"),
        ({"check": "yes"}, "check must be callable"),
        ({"config": BaseModel}, "config must be a subclass of PluginConfig"),
        ({"config": Loose, "streams": {"cost": STREAM}}, "config must forbid unknown keys"),
        ({"config": Clashing, "streams": {"cost": STREAM}}, "config has a field schedule"),
        ({"config": Streamless, "streams": {"cost": STREAM}}, "config needs the field cost: Plug"),
        ({"config": Compulsory, "streams": {"cost": STREAM}}, "config needs the field cost: Plug"),
        ({"streams": {}}, "streams must not be empty"),
        ({"streams": {"cost": None}}, "streams['cost'] must be a StreamSpec"),
        ({"streams": {"retry": STREAM}}, "a lower-case name that is no key of ogfd itself"),
        ({"streams": 5}, "announces what cannot be read"),
        (
            {"streams": {"cost": StreamSpec(config=PluginConfig, kind=Kind.COST, schedule="x")}},
            "streams['cost'].schedule: write an interval",
        ),
        ({"limits": {"": Limit(rate=0, burst=1)}}, "limits[''] must be a Limit"),
        ({"limits": {"s3": []}}, "limits['s3'] must be a Limit"),
        ({"limits": {"": [Limit(rate=1, burst=1), 5]}}, "limits[''] must be a Limit"),
        (
            {"limits": {"": Limit(rate=1, burst=1, window=timedelta(0))}},
            "a window that is longer than nothing",
        ),
        ({"prices": {"ce:Get": Decimal("0.01")}}, "prices must give a Price for each operation"),
        ({"environment": {"X": "cost.buckt"}}, "names a key that config does not have: cost.buckt"),
    ],
)
def test_a_spec_that_breaks_the_contract_is_broken(shelf, changes, message):
    """The author is told which attribute, before any table is looked at."""
    entry = shelf.connector("cloud")
    shelf.entries.clear()
    replaced = shelf.connector(**changes)
    replaced.name = entry.name
    found = problem(shelf.registry.load_connector, "cloud")

    assert Reason.BROKEN == found.reason
    assert message in str(found)


def test_a_group_may_have_several_limits(shelf):
    """As with a provider that counts by the minute for each scope and for all of them."""
    several = [Limit(rate=1, burst=1, window=timedelta(minutes=1), scoped=True)] * 2
    shelf.connector("cloud", limits={"": several})

    assert several == shelf.registry.load_connector("cloud").limits[""]


def test_every_fault_of_a_spec_is_listed(shelf):
    """Authors mend all in one go."""
    shelf.connector(provider="", mapping_version=0, limits={"": None})

    assert 3 == len(problem(shelf.registry.load_connector, "cloud").findings)


def test_a_sink_keeps_the_contract_too(shelf):
    """Its model and its functions are checked."""
    shelf.sink(config=dict, migrate=5)
    found = problem(shelf.registry.load_sink, "store")

    assert ("migrate must be callable", "config must be a subclass of PluginConfig") == (
        found.findings
    )


def test_a_command_must_be_a_click_command(shelf):
    """Anything else has no place in the command line."""
    shelf.add("good", "ogfd.commands", click.Command("good"))
    shelf.add("bad", "ogfd.commands", print)

    assert "good" == shelf.registry.load_command("good").name
    assert Reason.NO_HOOK == problem(shelf.registry.load_command, "bad").reason
    assert "pip install ogfd-sandbox" in str(problem(shelf.registry.load_command, "demo"))


def test_what_looks_like_a_secret_is_remarked_upon(shelf):
    """A password as a plain string would be printed by config show."""

    class Config(PluginConfig):
        password: str = ""
        cost: PluginConfig | None = None

    shelf.connector(config=Config, streams={"cost": STREAM}, environment={}, summary="s")
    spec = shelf.registry.load_connector("cloud")

    assert "Config.password looks like a secret; type it as Secret" in list(remarks(spec))


def test_a_plugin_as_its_author_writes_it_loads(module):
    """A module with a marked function, found by a real entry point."""
    module("my_plugin", ogfd_connector=_hook())
    entry = EntryPoint("mine", "my_plugin", "ogfd.connectors")
    registry = Registry(lambda *, group: [entry] if group == entry.group else [])

    assert "mine" == registry.load_connector("mine").name


def _hook():
    from ogfd.plugin import ConnectorSpec

    class Config(PluginConfig):
        cost: PluginConfig | None = None

    @hookimpl
    def ogfd_connector():
        return ConnectorSpec(
            name="mine",
            provider="mine",
            config=Config,
            streams={"cost": STREAM},
            open=lambda config, ctx: nullcontext({}),
            mapping_version=1,
        )

    return ogfd_connector
