"""What the policy and the code that makes an attempt tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Attempt:
    """
    One attempt, as the code that makes it sees it.

    Attributes:
        number: 1 for the first.
        sent: whether the provider may have seen the request. Set it to False at the start and to
            True before the first byte goes out, if that can be known.
        progressed: set it to True if part of the work is done and will not be done again; the
            attempts and refreshes are then counted anew.
        served: call it if the provider has begun to serve a request that will take long: nobody
            has to wait for its end to know that the provider works.
    """

    number: int
    sent: bool = True
    progressed: bool = False
    served: Callable[[], None] = lambda: None
