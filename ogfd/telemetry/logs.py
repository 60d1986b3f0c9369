"""
Logs: text on a terminal, JSON lines elsewhere; no secrets, no forged lines.

Messages are constant sentences; data travels in ``extra`` and shows as fields.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from ogfd.telemetry.redaction import Redaction

Format = Literal["auto", "text", "json"]

_NOISY: Final = (
    "aiobotocore",
    "aiohttp",
    "apscheduler",
    "asyncio",
    "azure",
    "boto3",
    "botocore",
    "google",
    "grpc",
    "urllib3",
    "werkzeug",
)
_STANDARD: Final = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", (), None)) | {"message": 0, "asctime": 0}
)
# C0, DEL, C1, line and paragraph separators, and the characters that reorder text.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Redactor(logging.Filter):
    """
    Takes secrets out of a record: its message, its extra fields, its traceback.

    Put it on a handler, so that records of every logger pass it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._redaction = Redaction()

    def register(self, secret: str) -> None:
        """Hide *secret* from now on, wherever it shows up."""
        self._redaction.register(secret)

    def redact(self, text: str) -> str:
        """Return *text* without secrets, for other outputs than logs."""
        return self._redaction.text(text)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.redact(_message(record))
        record.args = None
        for name, value in fields(record).items():
            setattr(record, name, self._redaction.value(value))
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        return True


class NamedLog(logging.LoggerAdapter[logging.Logger]):
    """Adds whose log it is to every line, beside the line's own fields."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge both; before Python 3.13 an adapter drops the line's own."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class TextFormatter(logging.Formatter):
    """One line per record; a traceback follows on lines that start with ``  | ``."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = (f"{name}={_quoted(value)}" for name, value in fields(record).items())
        head = f"{_time(record)} {record.levelname:<7} {record.name}: {_message(record)}"
        line = escape("  ".join((head, *pairs)))
        return "\n".join((line, *(f"  | {escape(row)}" for row in _trace(record))))


class JsonFormatter(logging.Formatter):
    """One JSON object per record and line."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "timestamp": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        for name, value in fields(record).items():
            document.setdefault(name, value)
        if trace := _trace(record):
            document["exception"] = "\n".join(trace)
        # A control character is only ever inside a string here, where its escape means the same.
        return escape(json.dumps(document, ensure_ascii=False, default=str))


def configure(level: str, format: Format, stream: TextIO, redactor: Redactor) -> None:
    """
    Send all logs of the process to *stream*, replacing what was configured before.

    Args:
        level: of ogfd's own loggers: ``debug``, ``info``, ``warning`` or ``error``. Libraries
            that chatter log warnings only.
        format: ``auto`` is text on a terminal and JSON elsewhere.
        stream: standard error as a rule.
        redactor: filters every record.

    Raises:
        ValueError: if there is no such level.
    """
    text = format == "text" or (format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if text else JsonFormatter())
    handler.addFilter(redactor)
    root = logging.getLogger()
    root.setLevel(level.upper())
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return what was passed as ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def escape(text: str) -> str:
    r"""Return *text* with control characters written as ``\n``, ``\x1b`` or ``\u2028``."""
    return _CONTROLS.sub(lambda found: _spelled(found[0]), text)


def _spelled(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[\s\"=]", text) else text


def _message(record: logging.LogRecord) -> str:
    """Return the message; a library's broken format string must not lose the record."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(record: logging.LogRecord) -> list[str]:
    text = record.exc_text
    if not text and record.exc_info:
        text = logging.Formatter().formatException(record.exc_info)
    return "\n".join(part for part in (text, record.stack_info) if part).splitlines()
