"""The stand-in of Cost Explorer is as strict as the service, and has the truth of the bills."""

import json
from datetime import date
from decimal import Decimal

import pytest
from ogfd_sandbox.cur import CurSettings, Month, assemble
from ogfd_sandbox.explorer import publish, service

AUGUST = Month(2026, 8)


class Told:
    """Keeps what is published."""

    def set_costs(self, account, told):
        self.account, self.told = account, told


@pytest.fixture(scope="module")
def bill():
    return assemble(CurSettings(seed=4, rows=300, accounts=2), AUGUST)


@pytest.fixture
def told(bill):
    store = Told()
    publish(store, [bill], today=date(2026, 11, 20))
    return store.told


def ask(told, *, page=None, **changes):
    asked = {
        "TimePeriod": {"Start": "2026-08-01", "End": "2026-09-01"},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
    } | changes
    body = json.dumps(asked).encode()
    return service.answer(service.read_query(body), told, body, page=page)


def by(*names):
    return [{"Type": "DIMENSION", "Key": name} for name in names]


def amounts(answer):
    return [
        Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        for result in answer["ResultsByTime"]
        for group in result["Groups"]
    ]


def test_totals_are_those_of_the_bill(bill, told):
    """Whatever they are grouped by, by month or by day."""
    (result,) = ask(told)["ResultsByTime"]
    truth = bill.truth.billed()["USD"]

    assert {"UnblendedCost": {"Amount": f"{truth.normalize():f}", "Unit": "USD"}} == result["Total"]
    for names in (["SERVICE"], ["SERVICE", "LINKED_ACCOUNT"], ["REGION", "USAGE_TYPE"]):
        assert truth == sum(amounts(ask(told, GroupBy=by(*names), Granularity="DAILY")))


def test_pages_go_on_with_the_same_parameters_alone(told):
    """A token of other parameters is refused, and so is one that is none."""
    whole = ask(told, GroupBy=by("SERVICE"))
    first = ask(told, GroupBy=by("SERVICE"), page=3)
    token = first["NextPageToken"]
    second = ask(told, GroupBy=by("SERVICE"), NextPageToken=token)

    assert amounts(whole) == [*amounts(first), *amounts(second)]
    assert 3 == len(amounts(first))
    with pytest.raises(service.RefusedError) as changed:
        ask(told, GroupBy=by("REGION"), NextPageToken=token)
    with pytest.raises(service.RefusedError) as invalid:
        ask(told, NextPageToken="x")
    assert ("RequestChangedException", "InvalidNextTokenException") == (
        changed.value.code,
        invalid.value.code,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"Metrics": []},
        {"Metrics": ["Cost"]},
        {"GroupBy": by("SERVICE", "REGION", "RECORD_TYPE")},
        {"GroupBy": by("TENANCY")},
        {"Granularity": None},
        {"TimePeriod": {"Start": "2026-08-01"}},
        {"TimePeriod": {"Start": "2026-08-01", "End": "2026-08-01"}},
        {"TimePeriod": {"Start": "2026-08-01T00:00:00Z", "End": "2026-09-01"}},
        {"TimePeriod": {"Start": "2026-11-21", "End": "2026-12-01"}},
        {"TimePeriod": {"Start": "2025-09-01", "End": "2025-10-01"}},
    ],
)
def test_what_the_service_would_refuse_is_refused(told, changes):
    """Also what lies ahead, and before the fourteen months that it keeps."""
    with pytest.raises(service.RefusedError) as caught:
        ask(told, **changes)
    assert "ValidationException" == caught.value.code


def test_an_account_without_bills_has_no_data():
    """As just after Cost Explorer was enabled."""
    store = Told()
    publish(store, [])

    with pytest.raises(service.RefusedError) as caught:
        ask(store.told)
    assert "DataUnavailableException" == caught.value.code


def test_a_bill_of_several_currencies_cannot_be_published():
    """Cost Explorer has one."""
    settings = CurSettings(seed=4, rows=300, accounts=2, currencies=("USD", "EUR"))

    with pytest.raises(ValueError, match="one currency, the bill EUR, USD"):
        publish(Told(), [assemble(settings, AUGUST)])
