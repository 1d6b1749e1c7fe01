"""Lengths of time, as Istio and Kubernetes take them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from egress.settings.base import Form, refusal

PATTERN = r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)"
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
LONGEST = "8760h"
"""A year: what lasts longer is meant as never, and past 292 years Istio's own arithmetic ends."""
LONGEST_SILENCE = 32767
"""Seconds; Linux takes no more for TCP_KEEPIDLE."""


def milliseconds(value: str) -> Decimal:
    """How long a length of time of the right form is."""
    unit = "ms" if value.endswith("ms") else value[-1]
    return Decimal(value.removesuffix(unit)) * _UNITS[unit]


def seconds(value: str) -> int:
    """How many seconds a length of time of whole seconds is."""
    return int(milliseconds(value)) // 1000


def _whole(value: str) -> str:
    length = milliseconds(value)
    if length < 1 or length % 1:
        raise refusal(
            "Istio does not accept this duration: it must be a whole number of milliseconds, and at "
            "least one.",
            "Write e.g. 500ms, 5s, 2m or 1h.",
        )
    if length > milliseconds(LONGEST):
        raise refusal(f"This is longer than a year ({LONGEST}).", "Write less, or leave it out.")
    return value


def _seconds(value: str) -> str:
    if milliseconds(value) % 1000:
        raise refusal("Google Cloud counts this in whole seconds.", "Write e.g. 30s or 2m.")
    return value


def _whole_seconds(value: str) -> str:
    length = milliseconds(value)
    if length % 1000 or length > LONGEST_SILENCE * 1000:
        raise refusal(
            f"Proxies and Linux count keepalive in whole seconds, up to {LONGEST_SILENCE}: with this "
            "value there would be no keepalive, or no connection.",
            "Write e.g. 60s, 5m or 1h.",
        )
    return value


Duration = Annotated[
    str,
    Form(PATTERN, "This is not a length of time.", "Write a number with ms, s, m or h, e.g. 5s."),
    AfterValidator(_whole),
]
"""A length of time as Istio writes it: 500ms, 5s, 2m, 1h; more than nothing."""
Silence = Annotated[Duration, AfterValidator(_whole_seconds)]
"""A length of time after which TCP asks whether the other side is still there."""
WholeSeconds = Annotated[Duration, AfterValidator(_seconds)]
"""A length of time as Google Cloud takes it."""
