"""Which of a month's models counts: AWS leaves old ones beside a new one for three months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ogfd.plugin import BadRequestError
from ogfd_aws.carbon.export.models import order, same
from ogfd_aws.carbon.export.months import Catalogue, Month


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The *months* to read, and why others that are there cannot be read: *pending*, by month."""

    months: Mapping[str, Month]
    pending: Mapping[str, str]


def choose(found: Catalogue, pinned: str | None) -> Choice:
    """
    Take of each month the newest model that is delivered, or the *pinned* one alone.

    Raises:
        BadRequestError: if no month has the pinned model.
    """
    models = {model for months in found.delivered.values() for model in months}
    if pinned is not None and models and not any(same(model, pinned) for model in models):
        raise BadRequestError(
            f"the carbon export has no month by the model {pinned}, only by {_named(models)}",
            hint="change or remove model_version; AWS keeps an old model for three months",
        )
    months: dict[str, Month] = {}
    pending: dict[str, str] = {}
    for key, model in found.begun:
        pending[key] = f"the delivery of {key} by {model} has no manifest yet"
    for key, each in found.delivered.items():
        wanted = [model for model in each if pinned is None or same(model, pinned)]
        if wanted:
            months[key] = each[max(wanted, key=order)]
        else:
            pending[key] = (
                f"{key} is there by {_named(each)}, not by {pinned} as model_version asks"
            )
    return Choice(
        months=months,
        pending={key: reason for key, reason in pending.items() if key not in months},
    )


def _named(models: Mapping[str, Month] | set[str]) -> str:
    return ", ".join(sorted(models, key=order))
