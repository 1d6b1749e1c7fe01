"""An outside host as a config value."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from egress.common.hosts import HostError, normalise, normalise_pattern
from egress.settings.base import refusal


def _host(value: str) -> str:
    try:
        return normalise(value)
    except HostError as error:
        raise refusal(error.consequence, error.fix) from None


def _pattern(value: str) -> str:
    try:
        return normalise_pattern(value)
    except HostError as error:
        raise refusal(error.consequence, error.fix) from None


Host = Annotated[str, AfterValidator(_host)]
"""A fully qualified DNS name outside the cluster, in lower case."""
HostOrPattern = Annotated[str, AfterValidator(_pattern)]
"""A host, or `*.` and a domain: every name below it."""
