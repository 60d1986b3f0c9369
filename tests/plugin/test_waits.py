"""Every form in which a server asks for a pause."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ogfd.plugin import retry_after

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DATE = "Thu, 01 Oct 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"RETRY-AFTER": "1.5"}, 1.5),
        ({"Retry-After": ".25"}, 0.25),
        ({"Retry-After": "Thu, 01 Oct 2026 12:00:45 GMT"}, 45),
        ({"Retry-After": "Thu, 01 Oct 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Thursday, 01-Oct-26 12:00:45 GMT"}, 45),
        ({"Retry-After": "Thu Oct  1 12:00:45 2026"}, 45),
        ({"Retry-After": "Thu, 01 Oct 2026 14:00:45 +0200"}, 45),
        (
            {
                "Retry-After": "Thu, 01 Oct 2026 10:30:10 GMT",
                "Date": "Thu, 01 Oct 2026 10:30:00 GMT",
            },
            10,
        ),
        ({"Retry-After": "Thu, 01 Oct 2026 12:00:45 GMT", "Date": "broken"}, 45),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "20"}, 0.02),
        ({"x-amz-retry-after": "3000"}, 3),
        ({"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "17"}, 17),
        ({"x-ms-ratelimit-microsoft.consumption-tenant-retry-after": "8"}, 8),
        ({"X-MS-RateLimit-Retry-After": "9"}, 9),
        (
            {
                "Retry-After": "5",
                "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "45",
                "x-ms-ratelimit-microsoft.costmanagement-client-retry-after": "7",
                "retry-after-ms": "6000",
            },
            45,
        ),
        ({"Retry-After": "99999999"}, 86400),
        ({"Retry-After": "Sat, 01 Oct 2050 12:00:00 GMT"}, 86400),
    ],
)
def test_the_longest_wait_of_all_forms_counts(headers: Any, seconds: Any) -> None:
    """Seconds, floats, dates by the server's own clock, milliseconds, Azure's family; a day at most."""
    assert timedelta(seconds=seconds) == retry_after(headers, NOW)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "nan",
        "inf",
        "1e3",
        "5 s",
        "0x10",
        "9" * 400,
        "Thu, 99 Foo",
        "\u0665",
        "12, 13",
    ],
)
def test_what_cannot_be_read_is_ignored(value: Any) -> None:
    """A faulty header is no wait and no error."""
    assert retry_after({"Retry-After": value}, NOW) is None
    assert timedelta(seconds=2) == retry_after(
        {"Retry-After": value, "retry-after-ms": "2000"}, NOW
    )


def test_a_date_without_anything_to_compare_it_with_is_ignored() -> None:
    """Neither the answer's date nor ours is known."""
    assert retry_after({"Retry-After": DATE}) is None


def test_other_headers_ask_for_nothing() -> None:
    """Names that only look alike do not count."""
    assert retry_after({"Date": DATE, "x-ms-ratelimit-remaining-tenant-reads": "5"}, NOW) is None
