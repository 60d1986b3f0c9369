"""
The kinds of values that ogfd's own keys take, each with the JSON schema that describes it.

A parser takes what TOML gives and raises `ValueError` with what to write instead. Messages do not
quote the value.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ogfd.config.schedule import parse_schedule
from ogfd.plugin import Period, Secret

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?i?)B?")
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_NAME: Final = re.compile(r"[a-z0-9-]+")
_LOCAL_NAMES: Final = frozenset({"localhost", "ip6-localhost"})
# A short number is a status, and 5xx means none: no code of a provider looks like either.
_FAULT: Final = re.compile(r"[345]\d\d|(?!\d{1,3}$|\d[xX]{2}$)\w[\w.:/-]*", re.ASCII)
_LONGEST_SOCKET: Final = 107  # bytes; sun_path has 108 with its final NUL, see unix(7)


IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Value:
    """A kind of value: how to *parse* it and the JSON *schema* of what may be written."""

    parse: Callable[[Any], Any]
    schema: Mapping[str, Any]


def is_name(text: str) -> bool:
    """Tell whether *text* may name a connector or a sink."""
    return _NAME.fullmatch(text) is not None


def choice(*options: str) -> Value:
    """Return the kind of value that is one of *options*."""

    def parse(value: Any) -> str:
        if value in options:
            return str(value)
        raise ValueError(f"must be one of {', '.join(options)}")

    return Value(parse, {"enum": list(options)})


def member(options: type[StrEnum]) -> Value:
    """Return the kind of value that is a member of *options*."""
    one = choice(*(option.value for option in options))
    return Value(lambda value: options(one.parse(value)), one.schema)


def whole(least: int, most: int) -> Value:
    """Return the kind of value that is a whole number within *least* and *most*."""

    def parse(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"must be a whole number within {least}-{most}")

    return Value(parse, {"type": "integer", "minimum": least, "maximum": most})


def number(above: float = 0, least: float | None = None) -> Value:
    """Return the kind of value that is a finite number above *above*, or of at least *least*."""

    def parse(value: Any) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if good and (value > above if least is None else value >= least) and value < float("inf"):
            return float(value)
        raise ValueError(
            f"must be a number above {above:g}"
            if least is None
            else f"must be a number of at least {least:g}"
        )

    bound = {"exclusiveMinimum": above} if least is None else {"minimum": least}
    return Value(parse, {"type": "number", **bound})


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("must be a string that is not empty")


def _label(value: Any) -> str:
    text = _text(value)
    if text.isprintable() and len(text) <= 200:
        return text
    raise ValueError("must be at most 200 printable characters")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(dict.fromkeys(value))
    raise ValueError('must be an array of strings, such as ["a", "b"]')


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found:
        unit = found[2].lower()
        base = 1024 if unit.endswith("i") else 1000
        size = int(float(found[1]) * base ** _POWERS.get(unit.removesuffix("i"), 0))
        if size > 0 and unit != "i":
            return size
    raise ValueError('must be a size in bytes, such as "256MiB" or "20GiB"')


def _month(value: Any) -> str:
    try:
        Period.month(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError('must be a month, written "YYYY-MM"') from None
    return str(value)


def _schedule(value: Any) -> str:
    parse_schedule(value if isinstance(value, str) else "")
    return str(value).strip()


def _address(value: Any) -> str:
    try:
        parts = urlsplit(f"//{_text(value)}")
        good = bool(parts.hostname) and parts.port is not None and parts.netloc == value
    except ValueError:
        good = False
    if not good or "@" in str(value):
        raise ValueError('must be HOST:PORT, such as "127.0.0.1:8090" or "[::1]:8090"')
    return str(value)


def _own_address(value: Any) -> str:
    if value == "":
        return ""
    text = _address(value)
    host = urlsplit(f"//{text}").hostname or ""
    if host not in _LOCAL_NAMES and not _is_loopback(host):
        raise ValueError(
            "must be an address of this machine alone, such as 127.0.0.1:8090: others would need "
            "TLS and a token; metrics_listen serves health and metrics to them"
        )
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _socket(value: Any) -> Path:
    path = _path(value)
    if len(str(path).encode()) > _LONGEST_SOCKET:
        raise ValueError(f"must be a path of at most {_LONGEST_SOCKET} bytes, as Linux has it")
    return path


def _certificates(value: Any) -> Path:
    path = _path(value)
    try:
        path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError("must be a PEM file that holds a certificate") from None
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "no such path"
        raise ValueError(f"must be a file that can be read: {reason}") from None
    return path


def _proxy(value: Any) -> str:
    text = _text(value).strip()
    if _is_proxy(text) or Secret(text).reference == text:
        return text
    raise ValueError(
        'must be a URL, such as "http://proxy.example.com:3128", or file:PATH, env:NAME or '
        "cred:NAME where one with a password stands"
    )


def _is_proxy(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        return False
    # A password that is not quoted ends where a path begins, and would show as one.
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return bool(whole) and not rest and text.isprintable() and " " not in text


def _networks(value: Any) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in _texts(value))
    except ValueError:
        raise ValueError(
            'must be an array of networks, such as ["10.20.0.0/16", "fd12::/48"]'
        ) from None


def _fault(value: Any) -> str:
    if _FAULT.fullmatch(value):
        return str(value)
    raise ValueError(
        'is neither an HTTP status within 300-599, such as "500", nor a code of the provider, '
        'such as "SlowDown"'
    )


def _zone(value: Any) -> str:
    try:
        ZoneInfo(_text(value))
    except (KeyError, ValueError, OSError):
        raise ValueError('must be the name of a time zone, such as "Europe/Berlin"') from None
    return str(value)


TEXT: Final = Value(_text, {"type": "string", "minLength": 1})
LABEL: Final = Value(_label, {"type": "string", "minLength": 1, "maxLength": 200})
FLAG: Final = Value(_flag, {"type": "boolean"})
TEXTS: Final = Value(_texts, {"type": "array", "items": {"type": "string", "minLength": 1}})
PATH: Final = Value(_path, {"type": "string", "minLength": 1})
SOCKET: Final = Value(_socket, {"type": "string", "minLength": 1})
CERTIFICATES: Final = Value(_certificates, {"type": "string", "minLength": 1})
SIZE: Final = Value(_size, {"type": ["string", "integer"], "examples": ["256MiB"]})
MONTH: Final = Value(_month, {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"})
FAULT: Final = Value(_fault, {"type": "string", "pattern": f"^({_FAULT.pattern})$"})
SCHEDULE: Final = Value(_schedule, {"type": "string", "examples": ["6h", "15 */6 * * *"]})
ADDRESS: Final = Value(_address, {"type": "string", "examples": ["0.0.0.0:9188"]})
OWN_ADDRESS: Final = Value(_own_address, {"type": "string", "examples": ["127.0.0.1:8090", ""]})
PROXY: Final = Value(
    _proxy, {"type": "string", "examples": ["http://proxy.example.com:3128", "cred:proxy"]}
)
NETWORKS: Final = Value(
    _networks, {"type": "array", "items": {"type": "string", "examples": ["10.20.0.0/16"]}}
)
ZONE: Final = Value(_zone, {"type": "string", "examples": ["UTC", "Europe/Berlin"]})
