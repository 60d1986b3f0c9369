"""Exit codes from what an operation answered; where several apply, 77, then 69, then 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DONE: Final = frozenset({"committed", "unchanged", "pending", "absent"})
_BAD: Final = frozenset({"failed", "held"})
_APART: Final = frozenset({"drift", "missing"})

OK: Final = 0
FAILED: Final = 1
UNAVAILABLE: Final = 69
NOPERM: Final = 77


def sync_code(document: Mapping[str, Any]) -> int:
    """
    Return the exit code of a sync.

    If nothing at all succeeded, 77 if credentials failed; 69 if no slice could even be listed and
    every error is transient. A slice that fails is 1, whatever its class.
    """
    runs = document.get("runs", ())
    slices = [item for run in runs for item in run.get("slices", ())]
    classes = {
        item.get("error_class")
        for item in slices
        if item["outcome"] == "failed" or item.get("error_class")
    }
    classes |= {error.get("class") for run in runs for error in errors_of(run)}
    done = any(item["outcome"] in _DONE for item in slices) or any(
        run["outcome"] == "succeeded" for run in runs
    )
    if "auth" in classes and not done:
        return NOPERM
    if classes == {"transient"} and not slices:
        return UNAVAILABLE
    outcomes = {item["outcome"] for item in slices} | {run["outcome"] for run in runs}
    outcomes |= {
        delivery.get("outcome")
        for item in slices
        for delivery in (item.get("deliveries") or {}).values()
    }
    bad = bool(outcomes & _BAD) or document.get("outcome", "succeeded") != "succeeded"
    return FAILED if bad else OK


def plan_code(document: Mapping[str, Any]) -> int:
    """
    Return the exit code of a plan.

    If nothing could be listed, 77 if credentials failed, 69 if every error is transient.
    """
    errors = document.get("errors", ())
    classes = {error.get("class") for error in errors}
    if "auth" in classes and not document.get("slices"):
        return NOPERM
    if classes == {"transient"} and not document.get("slices"):
        return UNAVAILABLE
    return FAILED if errors else OK


def reconcile_code(document: Mapping[str, Any]) -> int:
    """
    Return the exit code of a reconciliation.

    If nothing could be compared, 77 if credentials failed, 69 if every error is transient. 1 for
    any other error, and for sums that drift or are missing.
    """
    checks, errors = document.get("checks", ()), document.get("errors", ())
    classes = {error.get("class") for error in errors}
    if "auth" in classes and not checks:
        return NOPERM
    if classes == {"transient"} and not checks:
        return UNAVAILABLE
    return FAILED if errors or any(each["result"] in _APART for each in checks) else OK


def check_code(document: Mapping[str, Any]) -> int:
    """
    Return the exit code of a check.

    77 if credentials or permissions failed and no connector is free of errors, 69 if a service
    could not be reached, 1 for any other error.
    """
    findings = document.get("findings", ())
    errors = [finding for finding in findings if finding["level"] == "error"]
    classes = {error.get("error_class") for error in errors}
    connectors = {f["scope"] for f in findings if f["scope"].startswith("connector ")}
    if "auth" in classes and connectors <= {error["scope"] for error in errors}:
        return NOPERM
    if "transient" in classes:
        return UNAVAILABLE
    return FAILED if errors else OK


def approve_code(document: Mapping[str, Any]) -> int:
    """Return the exit code of a verdict: 1 if a package that it lets pass was not committed."""
    results = [(each.get("result") or {}) for each in document.get("slices", [document])]
    done = all(result.get("outcome", "committed") in _DONE for result in results)
    return OK if done else FAILED


def errors_of(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the errors of a run, apart from those of its slices."""
    first = run.get("error")
    return run.get("errors") or ([first] if first else [])
