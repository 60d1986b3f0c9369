"""No exception of an SDK is classified by accident."""

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from azure.identity import CredentialUnavailableError

from ogfd.plugin import ErrorClass
from ogfd.traffic import classify
from ogfd.traffic.faults.classify import TYPES
from ogfd.traffic.faults.libraries import LIBRARIES, ROOTS, ancestry, named

WALKED = (
    "aiobotocore",
    "aiohttp",
    "azure.core",
    "azure.identity",
    "botocore",
    "google.api_core",
    "google.auth",
    "google.cloud.bigquery.exceptions",
    "google.oauth2",
    "google.resumable_media",
    "msal",
    "requests",
    "urllib3",
)
# Servers, test tools, a copy of requests that only lends its types to botocore, programs.
NO_CLIENT = (
    "aiohttp.pytest_plugin",
    "aiohttp.test_utils",
    "aiohttp.web",
    "aiohttp.worker",
    "botocore.vendored",
    "msal.__main__",
)
OWN = tuple(kind for kind, _ in TYPES if kind.__module__.startswith("aiohttp"))
# Says nothing by its type; what derives from ClientResponseError has a status.
BARE = (aiohttp.ClientError,)


def modules(name: str) -> Iterator[Any]:
    """Yield the module *name* and all below; one that needs what is not there raises nothing."""
    module = importlib.import_module(name)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if not found.name.startswith(NO_CLIENT):
            try:
                yield from modules(found.name)
            except ImportError:
                continue


def exceptions(library: str) -> list[Any]:
    """Return the public exceptions that *library* defines, wherever."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [thing for module in modules(library) for thing in vars(module).values()]
    kinds = {
        thing
        for thing in found
        if isinstance(thing, type)
        and issubclass(thing, Exception)
        and not issubclass(thing, Warning)
        and thing.__module__.startswith(library.removesuffix(".exceptions"))
        and not thing.__name__.startswith("_")
    }
    return sorted(kinds, key=lambda kind: ancestry(kind)[0])


def unmapped(kinds: Any) -> list[str]:
    """Return the names of those that have a class by accident, or none."""
    return [
        ancestry(kind)[0]
        for kind in kinds
        if ancestry(kind)[0] not in ROOTS
        and named(kind) is None
        and not issubclass(kind, (*OWN, aiohttp.ClientResponseError))
        and kind not in BARE
    ]


def made(kind: Any) -> Any:
    """Return an instance of *kind*, by its constructor if that asks for no more than a text."""
    for arguments in ((), ("m",), (None, ())):
        try:
            return kind(*arguments)
        except Exception:  # noqa: BLE001 - constructors fail in every way
            continue
    return kind.__new__(kind)


@pytest.mark.parametrize("library", WALKED)
def test_every_exception_of_an_sdk_is_mapped_on_purpose(library: Any) -> None:
    """A new release with a new exception must be looked at."""
    assert [] == unmapped(exceptions(library))


def test_the_walk_finds_what_there_is() -> None:
    """Else it would pass on nothing."""
    found = {ancestry(kind)[0] for library in WALKED for kind in exceptions(library)}

    assert {"azure.identity._exceptions.CredentialUnavailableError"} <= found
    assert {"google.auth.exceptions.RefreshError", "urllib3.exceptions.SSLError"} <= found
    assert {"aiobotocore.response.AioReadTimeoutError"} <= found
    assert len(found) > 280


@pytest.mark.parametrize("root", sorted(ROOTS))
def test_a_new_exception_is_noticed(root: Any) -> None:
    """One that derives from a bare root, or from none of those that we know, is unmapped."""
    module, _, name = root.rpartition(".")
    base = getattr(importlib.import_module(module), name)
    new = type("NewError", (base,), {"__module__": module})
    alone = type("NewError", (Exception,), {"__module__": module})

    assert [f"{module}.NewError"] == unmapped([new]) == unmapped([alone])
    assert ErrorClass.UNKNOWN is judged(new.__new__(new))


def judged(exc: Any) -> Any:
    """Return the class that *exc* is given."""
    fault = classify(exc)
    assert fault is not None
    return fault.error_class


@pytest.mark.parametrize("library", WALKED)
def test_the_documented_class_is_the_one_that_counts(library: Any) -> None:
    """Also where an SDK gives its exception a status by itself, as Google's do."""
    for kind in exceptions(library):
        expected = next((c for k, c in TYPES if issubclass(kind, k)), None) or named(kind)
        if expected is not None:
            assert expected is judged(made(kind)), ancestry(kind)[0]


@pytest.mark.parametrize("module", sorted(LIBRARIES))
def test_every_entry_is_an_exception_that_exists(module: Any) -> None:
    """A name that an SDK has dropped would stand for nothing, one that is there twice for chance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        home = importlib.import_module(module)
    names = [name for names in LIBRARIES[module].values() for name in names]

    assert len(names) == len(set(names))
    for name in names:
        assert f"{module}.{name}" == ancestry(getattr(home, name))[0]
        assert f"{module}.{name}" not in ROOTS


def test_a_subclass_counts_as_its_nearest_ancestor() -> None:
    """So connectors may derive from an SDK's exceptions, as SDKs do from each other's."""
    kind = type("OwnError", (CredentialUnavailableError,), {"__module__": "stranger"})
    both = type("BothError", (kind, TimeoutError), {"__module__": "stranger"})

    assert ErrorClass.AUTH is named(kind)
    assert ErrorClass.TRANSIENT is judged(both())
    assert named(ValueError) is None
