"""What a rule of an AuthorizationPolicy is asked about, where it stands, and what it may answer.

authorization_rules.py reads the rules; tests/judge/test_authorization*.py holds both.
Source: Istio reference, AuthorizationPolicy (security.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from egress.judge.model.flow import Misread, Request

Holds = bool | Misread


@dataclass(frozen=True)
class Case:
    """What a rule is asked about."""

    principal: str
    """Empty: the client shows no certificate."""
    request: Request | None
    port: int
    sni: str
    address: str | None

    @cached_property
    def namespace(self) -> str:
        return namespace_of(self.principal)

    @property
    def names(self) -> tuple[str, str]:
        """By which rules about names may mean it."""
        return self.request.host.lower() if self.request else "", self.sni


@dataclass(frozen=True)
class Home:
    """Where something is asked for: the policy, and the field in it."""

    by: str
    namespace: str
    trust_domain: str
    field: str

    def unread(self, reason: str) -> Misread:
        return Misread(self.by, self.field, reason)


Test = Callable[[Case], Holds]


def namespace_of(principal: str) -> str:
    """The namespace in an identity of the form TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT."""
    parts = principal.split("/")
    return parts[2] if len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa" else ""
