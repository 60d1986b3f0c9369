"""Why a plugin cannot be used."""

from __future__ import annotations

from enum import StrEnum

from ogfd.plugin import OgfdError


class Reason(StrEnum):
    """What kind of problem it is."""

    MISSING = "missing"
    BROKEN = "broken"
    WRONG_VERSION = "wrong_version"
    NO_HOOK = "no_hook"


class PluginProblem(OgfdError):  # noqa: N818 - it is reported, the rest runs
    """
    A plugin cannot be used. The rest of the daemon runs without it.

    Attributes:
        plugin: the ``type`` in the configuration, which is the name of the entry point.
        dist: name of the distribution; None if it is not known.
        reason: what kind of problem.
        findings: each thing that is wrong, where there may be several.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str,
        reason: Reason,
        dist: str | None = None,
        hint: str | None = None,
        findings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin
        self.dist = dist
        self.reason = reason
        self.findings = findings
