"""What the answers to requests say is left of the provider's quotas, for the observer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ogfd.plugin import HttpError, Quotas, Response
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.observe import Guarded, Observer

Send = Callable[[Attempt], Awaitable[Response]]
"""Makes one attempt of a request."""


class QuotaReader:
    """
    Reads the headers of answers.

    Args:
        quotas: of the connector.
        observer: is told of what is left.
        log: gets the defects of *quotas*, which cost no request.
    """

    def __init__(self, quotas: Quotas, observer: Observer, log: logging.LoggerAdapter[Any]) -> None:
        self._quotas = quotas
        self._observer = Guarded(observer, log)
        self._log = log

    def listening(self, operation: str, send: Send) -> Send:
        """Return *send* with an ear to its answers, errors included."""

        async def attempt(attempt: Attempt) -> Response:
            try:
                response = await send(attempt)
            except HttpError as exc:
                self._heard(operation, exc.response.headers)
                raise
            self._heard(operation, response.headers)
            return response

        return attempt

    def _heard(self, operation: str, headers: Mapping[str, str]) -> None:
        group = operation.partition(":")[0]
        try:
            left = {name: float(value) for name, value in self._quotas(headers).items()}
        except Exception:  # noqa: BLE001 - the border to the plugin, whose defect costs no request
            self._log.exception("the quotas in an answer cannot be read")
            return
        for name, remaining in left.items():
            self._observer.quota(f"{group}:{name}", remaining=remaining)
