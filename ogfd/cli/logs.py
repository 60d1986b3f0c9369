"""Logs of a command or of the daemon: to stderr, without the secrets of its configuration."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from pydantic import BaseModel

from ogfd.plugin import AuthError, PluginConfig, Secret
from ogfd.registry import Bound
from ogfd.telemetry.logs import Redactor, configure

log = logging.getLogger(__name__)


def start_logs(bound: Bound, level: str) -> None:
    """
    Send logs to stderr, first what *bound* warns of.

    Args:
        bound: the configuration; its secrets never show in logs.
        level: the configured one, if empty.
    """
    daemon = bound.settings.daemon
    configure(level or daemon.log_level, daemon.log_format, sys.stderr, redactor_of(bound))
    for warning in bound.warnings:
        log.warning("a part of the configuration has no effect", extra={"reason": str(warning)})


def redactor_of(bound: Bound) -> Redactor:
    """Return a redactor that knows the secrets of *bound*. Reads secret files."""
    redactor = Redactor()
    configs: list[PluginConfig] = [connector.config for connector in bound.connectors.values()]
    configs += [sink.config for sink in bound.sinks.values()]
    for secret in _secrets(configs):
        try:
            redactor.register(secret.reveal())
        except AuthError:
            continue  # whoever needs it reports it, with what to do
    for password in _passwords(bound.settings.daemon.proxy):
        redactor.register(password)
    return redactor


def _passwords(proxy: str | None) -> Iterator[str]:
    """Yield what is secret in the URL of *proxy* and in those of the environment."""
    urls = list(getproxies_environment().values())
    with suppress(AuthError):
        urls += [Secret(proxy).reveal()] if proxy else []
    for url in urls:
        with suppress(ValueError):  # no URL: the network says so when it is set up
            found = urlsplit(url if "://" in url else f"http://{url}")
            if found.password:
                yield from (found.password, unquote(found.password))
                yield f"{unquote(found.username or '')}:{unquote(found.password)}"


def _secrets(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item)
