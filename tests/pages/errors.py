"""docs/errors.md, made of the tables that decide."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ogfd_aws.faults import CODES, HINTS, THROTTLED

from ogfd.plugin import ErrorClass
from ogfd.traffic import RetrySettings
from ogfd.traffic.faults.answers import OAUTH
from ogfd.traffic.faults.classify import ERRNO, STATUS, TYPES
from ogfd.traffic.faults.libraries import LIBRARIES
from ogfd.traffic.limits.breaker import CREDENTIAL, OUTAGE, PERMISSION

_RETRY = RetrySettings()

_CLASSES = f"""\
| class | means | the request | the slice | other requests |
|---|---|---|---|---|
| `transient` | the same request may well succeed later | tried {_RETRY.retries + 1} times (after a 500, \
{_RETRY.attempts_on_500}), with a random pause of at most 1 s before the second attempt, doubling to \
{_RETRY.longest_backoff.seconds} s, or the wait that the server asks for | failed; tried again after \
1 minute, doubling to 1 hour. If the server asks for more than {_RETRY.longest_wait.seconds} s, it waits \
for so long, over a restart too | {OUTAGE.consecutive} in a row, or \
{OUTAGE.share:.0%} of the latest {OUTAGE.calls}, stop all that share the limit for \
{OUTAGE.first_open.seconds} s, doubling to {OUTAGE.longest_open.seconds // 60} minutes. Throttling does not stop them: it halves their rate |
| `auth` | credentials or permission; someone must act | tried once; after a 401, or a code that \
says that a token ran out, once more with new credentials | failed; tried again after 15 minutes | \
refused credentials stop all of the connector, {PERMISSION.consecutive} missing permissions in a row \
that operation; one probe every {CREDENTIAL.longest_open.seconds // 60} minutes, and at once if you ask for a run |
| `bad_request` | this request will never succeed | tried once | failed; tried again with the schedule | \
go on |
| `not_found` | nothing there | tried once | failed, unless the connector expected it; what is committed \
stays | go on |
| `fatal` | the answer cannot be used, or the machine is at its limit | tried once | failed; tried again \
with the schedule | go on |
| `unknown` | no table knows it; please report it | tried {_RETRY.unknown_retries + 1} times | failed; \
tried again with the schedule | count as if it were transient |
"""

_HEAD = """\
# Errors

Every failed request gets one of six classes, which alone decides what is done next. It is taken from
the first of these that knows the error, and never from the words of a message:

1. an error that the plugin raised with a class on purpose;
2. the connector's own table, by the **code** of its provider;
3. the **status** of the answer, whoever reports it;
4. the **type** of the exception;
5. nothing: a bug in a plugin (`TypeError` and the like) is never tried again, and its traceback is
   logged; any other exception is `unknown`.

Overrides by code or status in [`[retry.classify]`](configuration.md#retry) have the last word.
[Plugins](plugins.md) tells how to add a table.

## Classes

"""

_WAITS = """\
## Waits that a server asks for

The longest of these wins over the pause that we would make; a day at most:

| where | form |
|---|---|
| `Retry-After` | seconds, with or without a fraction; or a date, by the server's own clock (`Date`) |
| `retry-after-ms`, `x-ms-retry-after-ms`, `x-amz-retry-after` | milliseconds |
| `x-ms-ratelimit-...-retry-after` | seconds; Azure sends one for each quota |
| `google.rpc.RetryInfo` in the details of an error | a duration, such as `12.5s` |
"""

_SDK = """\
## Exceptions of SDKs

Known by name, so that a plugin need not say them; a subclass counts as its nearest ancestor here.
An exception that holds an answer is judged by that. A login that failed because its server was
down, as far as the SDK tells, is `transient`, and what failed because a certificate is not trusted
is `fatal`, whatever the SDK calls it.
"""

_LOGIN = """\
## Login endpoints

Decided by `error` in the answer, then by a status that passes; anything else is `auth`:
"""

_LIBRARIES = {
    "Azure": ("azure", "msal"),
    "Google Cloud": ("google",),
    "AWS": ("botocore", "aiobotocore"),
    "HTTP clients": ("aiohttp", "requests", "urllib3"),
}


def errors() -> str:
    """Return the whole page."""
    parts = [
        _HEAD + _CLASSES,
        "## HTTP status\n\nOf an answer without a code that a table knows:\n\n"
        + _by_class(("status", "class"), STATUS.items(), str),
        "Any other status of 300 or more is `unknown`, unless the type of the SDK's exception says more.\n",
        _WAITS,
        _LOGIN + "\n" + _by_class(("`error`", "class"), OAUTH.items(), _code),
        _own(),
        _SDK,
        *(_library(title, tops) for title, tops in _LIBRARIES.items()),
        _aws(),
    ]
    return "\n".join(parts)


def _by_class(
    head: tuple[str, str], entries: Iterable[tuple[Any, ErrorClass]], say: Callable[[Any], str]
) -> str:
    grouped = _grouped(entries)
    rows = [(", ".join(map(say, sorted(keys))), f"`{each}`") for each, keys in grouped.items()]
    return _table(head, rows)


def _grouped(entries: Iterable[tuple[Any, ErrorClass]]) -> Mapping[ErrorClass, list[Any]]:
    entries = list(entries)
    found = {each: [key for key, known in entries if known is each] for each in ErrorClass}
    return {each: keys for each, keys in found.items() if keys}


def _own() -> str:
    rows = [(_code(_name(kind)), f"`{error_class}`") for kind, error_class in TYPES]
    numbers = ((errno.errorcode[number], error_class) for number, error_class in ERRNO.items())
    return (
        "## Exceptions of Python and aiohttp\n\nThe first that fits counts:\n\n"
        + _table(("exception", "class"), rows)
        + "\nAny other `OSError` counts by its number:\n\n"
        + _by_class(("number", "class"), numbers, _code)
        + "\nAny other is `unknown`.\n"
    )


def _library(title: str, tops: tuple[str, ...]) -> str:
    entries = [
        (f"{module}.{name}", error_class)
        for module, classes in LIBRARIES.items()
        for error_class, names in classes.items()
        for name in names
        if module.split(".")[0] in tops
    ]
    head = ("exception", "class")
    return f"### {title}\n\n" + _table(head, list(_shortened(_grouped(entries))))


def _shortened(grouped: Mapping[ErrorClass, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield one row for each module of a class, so that its name stands there once."""
    for error_class, names in grouped.items():
        modules = dict.fromkeys(name.rpartition(".")[0] for name in names)
        for module in modules:
            own = sorted(n.rpartition(".")[2] for n in names if n.rpartition(".")[0] == module)
            yield f"`{module}`: " + ", ".join(map(_code, own)), f"`{error_class}`"


def _aws() -> str:
    rows = [(", ".join(map(_code, sorted(THROTTLED))), "`transient`, throttled", "")]
    for error_class, hints in CODES.items():
        rows += [
            (", ".join(map(_code, sorted(codes))), f"`{error_class}`", HINTS.get(hint, ""))
            for hint, codes in hints.items()
        ]
    return "## Codes of AWS\n\n" + _table(("code", "class", "hint"), rows)


def _name(kind: type[Exception]) -> str:
    module = {"builtins": "", "aiohttp.client_exceptions": "aiohttp"}.get(
        kind.__module__, kind.__module__
    )
    return f"{module}.{kind.__qualname__}".removeprefix(".")


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(line)} |\n" for line in (head, *rows)]
    return "".join([lines[0], "|" + "---|" * len(head) + "\n", *lines[1:]])
