"""The target of a slice: what its rows are a function of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All but the source that shapes the rows; *body* is JSON-ready and holds no secret."""

    id: str
    body: Mapping[str, Any]

    def target(self, version: str) -> str:
        """Return the target of a *version* under this recipe."""
        return _hash(["target", version, self.id])


def recipe(body: Mapping[str, Any]) -> Recipe:
    """
    Make the recipe of a stream.

    Distribution versions do not belong in *body*: a patch release restates nothing.
    """
    return Recipe(id=_hash(["recipe", body]), body=body)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()
