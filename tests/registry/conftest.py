"""A registry of plugins that no distribution brings."""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from ogfd.plugin import (
    SHAPES_ROWS,
    ConnectorSpec,
    Kind,
    Limit,
    PluginConfig,
    Secret,
    SinkSpec,
    StreamSpec,
    hookimpl,
)
from ogfd.registry import Registry


class CostConfig(PluginConfig):
    """
    Attributes:
        bucket: name of the bucket.
        prefix: in front of every object.
    """

    bucket: str
    prefix: str = ""


class CarbonConfig(PluginConfig):
    pass


class Login(BaseModel, extra="forbid"):
    user: str
    password: Secret


class CloudConfig(PluginConfig):
    region: str = Field(default="here", description="where the bucket is")
    flavour: Annotated[Literal["plain", "rich"], SHAPES_ROWS] = "plain"
    secret_key: Secret | None = None
    scopes: tuple[str, ...] = ()
    login: Login | None = None
    cost: CostConfig | None = None
    carbon: CarbonConfig | None = None

    @field_validator("region")
    @classmethod
    def _known(cls, region: str) -> str:
        if region == "crash":
            raise KeyError(region)
        if "canary" in region:
            raise ValueError(f"there is no region {region}")
        return region


class StoreConfig(PluginConfig):
    path: str
    password: Secret | None = None


def connector_spec(**changes: Any) -> ConnectorSpec:
    """Return a good spec, with *changes*."""
    return ConnectorSpec(
        **{
            "name": "cloud",
            "provider": "cloud",
            "config": CloudConfig,
            "streams": {
                "cost": StreamSpec(config=CostConfig, kind=Kind.COST),
                "carbon": StreamSpec(config=CarbonConfig, kind=Kind.CARBON, schedule="1d"),
            },
            "open": lambda config, ctx: nullcontext({}),
            "mapping_version": 1,
            "limits": {"": Limit(rate=1, burst=1)},
            "environment": {
                "OFFGRIDFLOW_CLOUD_REGION": "region",
                "OFFGRIDFLOW_CLOUD_SECRET": "secret_key",
                "OFFGRIDFLOW_CLOUD_ORG": "org_id",
                "OFFGRIDFLOW_CLOUD_BUCKET": "cost.bucket",
                "OFFGRIDFLOW_CLOUD_PREFIX": "cost.prefix",
            },
            **changes,
        }
    )


def sink_spec(**changes: Any) -> SinkSpec:
    """Return a good spec, with *changes*."""
    return SinkSpec(
        **{
            "name": "store",
            "config": StoreConfig,
            "open": lambda config, ctx: nullcontext(),
            **changes,
        }
    )


def announcing(hook: str, answer: Callable[[], Any]) -> ModuleType:
    """Return a module whose hookimpl *hook* returns what *answer* does."""
    module = ModuleType("announcing")

    def implementation() -> Any:
        return answer()

    implementation.__name__ = hook
    setattr(module, hook, hookimpl(implementation))
    return module


@dataclass
class Dist:
    name: str
    version: str = "1.2.3"


@dataclass
class FakeEntry:
    """An entry point whose `load` returns, or raises, what the test says."""

    name: str
    group: str
    brings: Any
    dist: Dist | None
    value: str = "some_module"
    loads: int = 0

    def load(self) -> Any:
        self.loads += 1
        if isinstance(self.brings, BaseException):
            raise self.brings
        return self.brings


@dataclass
class Shelf:
    """The plugins that a test installs."""

    entries: list[Any] = field(default_factory=list)

    def add(self, name: str, group: str, brings: Any, dist: str | None = "a-dist") -> FakeEntry:
        """Install something under *name*."""
        entry = FakeEntry(name, group, brings, Dist(dist) if dist else None)
        self.entries.append(entry)
        return entry

    def connector(self, name: str = "cloud", **changes: Any) -> FakeEntry:
        """Install a good connector, with *changes* to its spec."""
        spec = connector_spec(**{"name": name, **changes})
        return self.add(name, "ogfd.connectors", announcing("ogfd_connector", lambda: spec))

    def sink(self, name: str = "store", **changes: Any) -> FakeEntry:
        """Install a good sink, with *changes* to its spec."""
        spec = sink_spec(**{"name": name, **changes})
        return self.add(name, "ogfd.sinks", announcing("ogfd_sink", lambda: spec))

    def real(self, name: str, group: str, module: str) -> None:
        """Install a real entry point of a module that may not exist."""
        self.entries.append(EntryPoint(name, module, group))

    def __call__(self, *, group: str) -> Sequence[Any]:
        return [entry for entry in self.entries if entry.group == group]

    @property
    def registry(self) -> Registry:
        return Registry(self)


@pytest.fixture
def shelf() -> Shelf:
    """Return a place to install plugins on; there is none at first."""
    return Shelf()


@pytest.fixture
def announce() -> Callable[[str, Callable[[], Any]], ModuleType]:
    """Return the maker of modules with one hook."""
    return announcing


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Return a maker of importable modules."""

    def make(name: str, **names: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make
