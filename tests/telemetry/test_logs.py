"""Logs: formats, escaping, redaction."""

import io
import json
import logging
import sys

import pytest

from ogfd.telemetry.logs import JsonFormatter, Redactor, TextFormatter, configure, escape

CANARY = "correct-horse/battery+staple"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clean_logging():
    """Give the process its logging back."""
    root = logging.getLogger()
    before = root.level, list(root.handlers), logging.getLogger("botocore").level
    yield
    logging.captureWarnings(False)
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.getLogger("botocore").setLevel(before[2])


@pytest.fixture
def started(clean_logging):
    """Return what starts logging and gives the stream."""

    def start(format="json", level="info", stream=None, redactor=None):
        stream = stream or io.StringIO()
        configure(level, format, stream, redactor or Redactor())
        return stream

    return start


log = logging.getLogger("ogfd.test")


def test_json_has_one_object_per_line_with_the_extra_fields(started):
    """Machines read time, level, logger, message and every field."""
    stream = started()
    log.info("slice committed", extra={"slice": "aws/cost/2026-10", "rows": 3})

    [line] = stream.getvalue().splitlines()
    document = json.loads(line)
    assert document.pop("timestamp").endswith("Z")
    assert {
        "level": "info",
        "logger": "ogfd.test",
        "message": "slice committed",
        "slice": "aws/cost/2026-10",
        "rows": 3,
    } == document


def test_text_shows_the_fields_behind_the_message(started):
    """People read one line."""
    stream = started("text")
    log.warning("slice held", extra={"slice": "a/b/c", "reason": "rows dropped"})

    assert stream.getvalue().endswith(
        'WARNING ogfd.test: slice held  slice=a/b/c  reason="rows dropped"\n'
    )


def test_auto_is_text_on_a_terminal_and_json_elsewhere(started):
    """The journal gets JSON without being asked."""
    terminal, pipe = started("auto", stream=Terminal()), started("auto")
    log.info("to the pipe")
    assert "to the pipe" == json.loads(pipe.getvalue())["message"]

    terminal = started("auto", stream=Terminal())
    log.info("to the terminal")
    assert terminal.getvalue().endswith("ogfd.test: to the terminal\n")


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("forged", ["\n", "\r", "\x1b[31m", "\x7f", "\x9b", "\u2028", "\u202e"])
def test_control_characters_cannot_forge_a_line_or_colour_a_terminal(started, format, forged):
    """A provider's text is data, wherever it turns up in a record."""
    stream = started(format)
    log.info("got %s", f"a{forged}b", extra={"name_": f"c{forged}d"})

    text = stream.getvalue()
    assert 1 == text.count("\n")
    assert forged not in text.removesuffix("\n")


def test_a_message_of_an_exception_cannot_forge_a_line(started):
    """Lines of a traceback in text logs are marked as such."""
    stream = started("text")
    try:
        raise ValueError("bad\n2026-01-01T00:00:00Z INFO ogfd: all is well")
    except ValueError:
        log.exception("run failed")

    first, *trace = stream.getvalue().splitlines()
    assert "run failed" in first
    assert trace
    assert all(line.startswith("  | ") for line in trace)


def test_noisy_libraries_log_warnings_only(started):
    """botocore at debug prints every request with its headers."""
    stream = started(level="debug")
    logging.getLogger("botocore.endpoint").debug("request")
    logging.getLogger("botocore.endpoint").warning("odd")
    log.debug("ours")

    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert ["odd", "ours"] == messages


def test_a_broken_format_string_of_a_library_loses_no_record(started):
    """And does not print a traceback to stderr."""
    stream = started()
    log.info("%d of %d", "one")  # noqa: PLE1206 - what is tested

    assert "one" in json.loads(stream.getvalue())["message"]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_canary_shows_up_nowhere(clean_logging, formatter):
    """Message, arguments, extra fields, nested values, exception, its cause: all are redacted."""
    redactor = Redactor()
    redactor.register(CANARY)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(redactor)
    logger = logging.Logger("canary")  # noqa: LOG001 - must not outlive the test
    logger.addHandler(handler)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as exc:
            raise ValueError(f"password {CANARY}") from exc
    except ValueError:
        logger.exception(
            "failed with %s",
            CANARY,
            extra={"one": CANARY, "deep": {"list": [CANARY, 1]}, "bytes_": CANARY.encode()},
            stack_info=True,
        )
    logger.info(f"url https://host/?p={CANARY.replace('/', '%2F').replace('+', '%2B')}")  # noqa: G004

    text = stream.getvalue()
    assert "***" in text
    assert "battery" not in text


def test_numbers_stay_numbers(started):
    """Redaction does not turn counts into text."""
    stream = started()
    log.info("done", extra={"rows": 3, "share": 0.5, "ok": True, "none": None, "sums": {"a": 1}})

    document = json.loads(stream.getvalue())
    assert (3, 0.5, True, None, {"a": 1}) == tuple(
        document[name] for name in ("rows", "share", "ok", "none", "sums")
    )


def test_an_unknown_level_is_refused(clean_logging):
    """Rather than logging nothing."""
    with pytest.raises(ValueError, match="LOUD"):
        configure("loud", "text", sys.stderr, Redactor())


def test_plain_text_is_left_as_it_is():
    """Also beyond ASCII."""
    assert "Zürich, 東京 ok" == escape("Zürich, 東京 ok")
