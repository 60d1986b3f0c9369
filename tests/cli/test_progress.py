"""One bar per slice, whatever a connector counts."""

import io

from rich.console import Console
from rich.progress import Progress

from ogfd.cli.progress import Bars


def _bars():
    bars = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    return bars, Bars(bars)


def _event(done, unit, total=None):
    return {"event": "progress", "slice": "a/b/c", "done": done, "total": total, "unit": unit}


def _shown(bars):
    task = bars.tasks[-1]
    return task.completed, task.total, task.fields["count"]


def test_pages_beside_files_do_not_move_the_bar():
    """Each unit keeps its own count; the bar follows the one whose end is known."""
    bars, shown = _bars()

    shown.event(_event(1, "pages"))
    assert (1, None, "1 pages") == _shown(bars)
    shown.event(_event(1, "files", 4))
    assert (1, 4, "1 pages, 1/4 files") == _shown(bars)
    shown.event(_event(7, "pages"))
    assert (1, 4, "7 pages, 1/4 files") == _shown(bars)
    shown.event(_event(2, "files", 4))
    assert (2, 4, "7 pages, 2/4 files") == _shown(bars)


def test_a_slice_that_is_read_again_starts_anew():
    """Its bar went with the outcome, and the counts with it."""
    bars, shown = _bars()
    shown.event(_event(3, "pages"))
    shown.event({"event": "slice", "slice": "a/b/c", "outcome": "failed"})
    assert ["slices"] == [task.description for task in bars.tasks]

    shown.event(_event(1, "rows"))
    assert (1, None, "1 rows") == _shown(bars)
