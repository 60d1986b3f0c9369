"""When what failed is tried again, and by which runs it is left alone until then."""

from datetime import UTC, datetime, timedelta

import pytest

from ogfd.plugin import ErrorClass
from ogfd.runs import Trigger, next_try
from ogfd.runs.due import dues, slice_try, slice_wait, stream_wait
from ogfd.state import SliceRecord, StreamRecord

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
YEARS_AHEAD = NOW + timedelta(days=3650)
PASSING = {ErrorClass.TRANSIENT, ErrorClass.AUTH}
CLASSES = [each for each in ErrorClass if each not in PASSING]
ALL = {Trigger.SCHEDULE, Trigger.RETRY, Trigger.CLI, Trigger.API}


def record(name="aws/cost/2026-10", **changes):
    facts = {"outcome": "failed", "error_class": "transient", "failures": 1, "reason": "no answer"}
    return SliceRecord(slice=name, connector="aws", updated_at=NOW, **(facts | changes))


def stream(name="cost", **changes):
    facts = {"error_class": "transient", "reason": "no answer"}
    return StreamRecord(connector="aws", stream=name, updated_at=NOW, **(facts | changes))


@pytest.mark.parametrize("made", [record, stream])
def test_a_transient_failure_is_tried_again_after_a_minute_doubling_to_an_hour(made):
    """Give or take a fifth."""
    pauses = [(next_try(made(failures=failures)) - NOW) / MINUTE for failures in range(1, 10)]
    shares = [
        pause / meant for pause, meant in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True)
    ]

    assert all(0.8 <= share <= 1.2 for share in shares), pauses
    assert 9 == len(set(shares))


def test_after_years_of_failures_it_is_still_an_hour():
    """No number of failures overflows."""
    assert timedelta(minutes=72) >= next_try(record(failures=1_000_000)) - NOW


def test_many_that_failed_together_do_not_come_back_together():
    """Spread evenly over what the jitter allows; each always at the same moment."""
    names = [f"aws-{number}/cost/2026-10" for number in range(400)]
    seconds = [(next_try(record(name)) - NOW).total_seconds() for name in names]
    by_fifth = [
        sum(48 + 4.8 * i <= each < 48 + 4.8 * (i + 1) for each in seconds) for i in range(5)
    ]

    assert seconds == [(next_try(record(name)) - NOW).total_seconds() for name in names]
    assert 400 == sum(by_fifth)
    assert 50 < min(by_fifth) < max(by_fifth) < 110


@pytest.mark.parametrize("error_class", CLASSES)
def test_what_a_second_try_does_not_mend_waits_for_the_schedule(error_class):
    """It stays as it is until the provider changes it."""
    assert None is next_try(record(error_class=str(error_class), failures=3))


@pytest.mark.parametrize("made", [record, stream])
@pytest.mark.parametrize("failures", [1, 100])
def test_what_was_refused_is_asked_for_again_each_quarter_of_an_hour(made, failures):
    """As often as a breaker lets a probe pass; somebody may have mended it."""
    assert NOW + 15 * MINUTE == next_try(made(error_class="auth", failures=failures))


def test_a_slice_that_did_not_fail_is_not_tried_again():
    """Whatever its outcome."""
    assert None is next_try(record(outcome="committed", error_class=None, failures=0))


@pytest.mark.parametrize("error_class", ErrorClass)
def test_a_wait_that_was_asked_for_wins_over_the_pause(error_class):
    """To the second, in every class."""
    assert LATER == next_try(record(error_class=str(error_class), next_due=LATER, failures=7))


def waiting(wait_of, made):
    """Return the triggers whose runs leave *made* alone."""
    return {trigger for trigger in Trigger if wait_of(made, trigger, NOW) is not None}


@pytest.mark.parametrize(
    ("changes", "by_slice", "by_stream"),
    [
        # the provider asked for a wait: not even an operator hastens a slice
        ({"next_due": LATER}, ALL, {Trigger.SCHEDULE, Trigger.RETRY}),
        # credentials may have been mended
        (
            {"next_due": LATER, "error_class": "auth"},
            {Trigger.SCHEDULE, Trigger.RETRY},
            {Trigger.SCHEDULE, Trigger.RETRY},
        ),
        # the month's budget may have been raised
        (
            {"next_due": LATER, "error_class": "bad_request"},
            {Trigger.SCHEDULE, Trigger.RETRY},
            {Trigger.SCHEDULE, Trigger.RETRY},
        ),
        ({"next_due": NOW}, set(), set()),
        ({"next_due": NOW, "error_class": "auth"}, set(), set()),
        # our own pause keeps off nothing but another retry
        ({}, {Trigger.RETRY}, {Trigger.RETRY}),
        ({"error_class": "auth"}, {Trigger.RETRY}, {Trigger.RETRY}),
        ({"error_class": "fatal"}, {Trigger.RETRY}, {Trigger.RETRY}),
        ({"updated_at": NOW - 2 * MINUTE}, set(), set()),
        ({"updated_at": NOW - 15 * MINUTE, "error_class": "auth"}, set(), set()),
        # the clock was set back, by a little and by years
        (
            {"updated_at": NOW + MINUTE, "next_due": LATER},
            ALL,
            {Trigger.SCHEDULE, Trigger.RETRY},
        ),
        ({"updated_at": YEARS_AHEAD, "next_due": YEARS_AHEAD}, set(), set()),
        ({"updated_at": YEARS_AHEAD}, set(), set()),
    ],
)
def test_who_leaves_alone_what_failed(changes, by_slice, by_stream):
    """A slice and a stream."""
    plain = record()
    failed = SliceRecord(**{name: getattr(plain, name) for name in plain.__slots__} | changes)
    missed = StreamRecord(
        **{"connector": "aws", "stream": "cost", "updated_at": NOW, "reason": "no answer"}
        | {"error_class": "transient"}
        | changes
    )

    assert by_slice == waiting(slice_wait, failed)
    assert by_stream == waiting(stream_wait, missed)


@pytest.mark.parametrize("trigger", Trigger)
def test_nobody_waits_for_what_did_not_fail(trigger):
    """Nor for what nobody knows."""
    good = record(outcome="committed", error_class=None, failures=0)

    assert [None] * 3 == [
        slice_wait(good, trigger, NOW),
        slice_wait(None, trigger, NOW),
        stream_wait(None, trigger, NOW),
    ]


def test_a_wait_says_why_and_until_when():
    """As the failure did."""
    wait = slice_wait(record(next_due=LATER, error_class="auth"), Trigger.SCHEDULE, NOW)

    assert ("no answer", ErrorClass.AUTH, LATER) == (wait.reason, wait.error_class, wait.until)


def test_a_stream_is_due_with_its_earliest_slice():
    """Slices that wait for the schedule ask for nothing."""
    slices = [
        record("aws/cost/2026-09", next_due=LATER),
        record("aws/cost/2026-10", next_due=NOW),
        record("aws/carbon/2026-10", error_class="fatal"),
        record("aws/usage/2026-10", next_due=LATER),
    ]

    assert {"cost": NOW, "usage": LATER} == dues({}, slices)


def test_slices_wait_for_their_stream_to_be_listed():
    """Trying them means listing it; if that is up to the schedule, so are they."""
    slices = [record("aws/cost/2026-10", next_due=NOW), record("aws/usage/2026-10", next_due=NOW)]
    streams = {
        "cost": stream("cost", next_due=LATER),
        "usage": stream("usage", error_class="fatal"),
    }

    assert {"cost": LATER} == dues(streams, slices)


@pytest.mark.parametrize(
    ("own", "listed", "expected"),
    [
        ({"next_due": NOW}, None, NOW),
        ({"next_due": NOW}, {"next_due": LATER}, LATER),
        ({"next_due": LATER}, {"next_due": NOW}, LATER),
        ({"next_due": NOW}, {"error_class": "fatal"}, None),
        ({"error_class": "fatal"}, {"next_due": LATER}, None),
    ],
)
def test_a_slice_is_not_tried_before_its_stream_is_listed(own, listed, expected):
    """What an operator is told must not lie in the past."""
    streams = {"cost": stream(**listed)} if listed else {"carbon": stream("carbon")}

    assert expected == slice_try(record(**own), streams)
