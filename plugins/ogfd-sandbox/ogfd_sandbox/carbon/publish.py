"""Puts footprints where the stand-in of the service finds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ogfd_sandbox.carbon.footprint import Footprint


class Publisher(Protocol):
    """The stand-in, as far as publishing goes."""

    def set_emissions(self, account: str, months: dict[str, Any]) -> None: ...


def publish(store: Publisher, footprints: Iterable[Footprint], *, payer: str = "") -> None:
    """
    Have *store* answer with *footprints*, in place of all that it had.

    Args:
        store: the stand-in.
        footprints: at most one a month; none leaves an account without emissions.
        payer: the account of the credentials; that of the footprints if empty.
    """
    made = list(footprints)
    store.set_emissions(
        payer or (made[0].payer if made else "000000000000"),
        {
            str(one.month): {
                "model": one.model,
                "parts": [
                    {
                        "USAGE_ACCOUNT_ID": part.account_id,
                        "REGION": part.region,
                        "SERVICE": part.service,
                        "grams": part.grams(),
                    }
                    for part in one.parts
                ],
            }
            for one in made
        },
    )
