"""What a check looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from egress.doctor.finding import Finding
from egress.doctor.google import Google
from egress.doctor.login import Fetch, Login
from egress.doctor.machine import Machine
from egress.doctor.own import Own
from egress.plan.model import Plan


@dataclass(frozen=True)
class Case:
    """A stack, and the three that are asked about it: Google, this machine, the stack's own state."""

    plan: Plan
    stack: str
    google: Google
    login: Login
    machine: Machine
    own: Own
    fetch: Fetch
    """Whatever is public: charts and images."""
    today: date
    named: bool = True
    """Whether the config names the project; False: nothing that is asked of Google makes sense."""

    @property
    def project(self) -> str:
        return self.plan.project

    @property
    def region(self) -> str:
        return self.plan.settings.region

    @property
    def location(self) -> str:
        """Of the cluster: its zone, or the region."""
        return self.plan.settings.cluster.zone or self.region


Check = Callable[[Case], Iterator[Finding]]
