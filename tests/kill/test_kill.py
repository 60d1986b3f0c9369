"""kill -9 of the real program at every arrow, and two of them on one sink."""

from decimal import Decimal

import pytest

from ogfd.slices import POINTS

QUICK = ("package.sealed", "sink.before_commit", "sink.committed")


def enumerated(points):
    """Return the points as parameters, those that are not at the heart of it marked slow."""
    return [
        pytest.param(point, marks=() if point in QUICK else pytest.mark.slow) for point in points
    ]


@pytest.mark.parametrize("point", enumerated(POINTS))
def test_killed_at_any_arrow_the_next_run_makes_sink_and_source_equal(site, point):
    """With a restatement in between: one run, nothing lost, nothing doubled, nothing left over."""
    site.die(f"{point}:1:kill")
    site.restate("1.5", "3.25", "0.25")

    document = site.sync()

    assert "succeeded" == document["outcome"]
    assert [Decimal("1.5"), Decimal("3.25"), Decimal("0.25")] == site.costs()
    assert "5" == site.ledger_sum()
    assert [] == site.leftovers()


@pytest.mark.parametrize("point", enumerated(["sink.committed", "state.delivered"]))
def test_killed_during_a_restatement_the_old_month_or_the_new_one_is_there(site, point):
    """A reader between the crash and the next run sees one whole month."""
    site.sync()
    site.restate("9", "9")
    site.die(f"{point}:1:kill")

    assert site.costs() in ([Decimal("1.5"), Decimal("2.5")], [Decimal(9), Decimal(9)])

    site.sync()
    assert [Decimal(9), Decimal(9)] == site.costs()
    assert [] == site.leftovers()


def test_two_daemons_on_one_sink_waste_work_and_harm_nothing(site):
    """Same source, same sink, other state: every outcome is harmless, the month is right."""
    other = type(site)(site.directory, "b")
    outcomes = set()
    for turn in range(1, 7):
        site.restate(*[str(turn)] * 3)
        racers = [
            site.start("sync", "--json", fp="sink.before_commit:1:delay") for site in (site, other)
        ]
        for racer in racers:
            done = racer.end()
            assert 0 == done.returncode, done.stdout + done.stderr
            outcomes |= {
                each for each in ("committed", "superseded", "unchanged") if each in done.stdout
            }
        assert [Decimal(turn)] * 3 == site.costs()
        assert str(turn * 3) == site.ledger_sum()
        if turn > 1 and "superseded" in outcomes:
            break

    assert outcomes <= {"committed", "superseded", "unchanged"}
    assert "superseded" in outcomes
    assert [] == site.leftovers() + other.leftovers()
