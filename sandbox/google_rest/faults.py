"""What a test makes Google refuse, or be slow with: an API that is off, a quota, a role that is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.google_rest import refusal
from sandbox.google_rest.refusal import Refused


@dataclass(frozen=True)
class Fault:
    """What happens to requests whose method, like `compute.networks.insert`, matches the pattern."""

    methods: str
    refused: Refused | None = None
    #: how long an operation is said to run
    seconds: float = 0.0
    #: how many requests it meets; None for all of them
    times: int | None = None
    #: what whoever asks lacks, and says so when asked for it
    permission: str = ""
    #: the project that pays nothing, and says so when asked
    unbilled: str = ""


def api_off(api: str, project: str = "sandbox-project", times: int | None = None) -> Fault:
    """The API answers that it is off, although it may be enabled: with `times`, as for a while after it was
    enabled."""
    return Fault(f"{api.removesuffix('.googleapis.com')}.*", refusal.api_off(project, api), times=times)


def no_billing(project: str = "sandbox-project") -> Fault:
    """No billing account is linked to the project, so no API that costs anything can be enabled."""
    text = (
        f"Billing account for project '{project}' is not found. Billing must be enabled for activation of "
        "service(s) 'compute.googleapis.com,container.googleapis.com' to proceed."
    )
    return Fault(
        "serviceusage.services.*nable",
        Refused(400, text, reason="UREQ_PROJECT_BILLING_NOT_FOUND", status="FAILED_PRECONDITION"),
        unbilled=project,
    )


def forbidden(methods: str, permission: str, resource: str = "") -> Fault:
    """Whoever asks lacks a permission."""
    where = f" on resource '{resource}'" if resource else ""
    refused = Refused(403, f"Permission '{permission}' denied{where} (or it may not exist).")
    return Fault(methods, refused, permission=permission)


def quota(methods: str, metric: str, limit: float, region: str = "europe-west1") -> Fault:
    """A quota is used up."""
    text = f"Quota '{metric}' exceeded.  Limit: {limit} in region {region}."
    return Fault(methods, Refused(403, text, reason="quotaExceeded", status="RESOURCE_EXHAUSTED"))


def slow(methods: str, seconds: float) -> Fault:
    """An operation is said to run for this long."""
    return Fault(methods, seconds=seconds)


def down(methods: str, times: int | None = None) -> Fault:
    """Google has a bad moment."""
    return Fault(methods, Refused(503, "The service is currently unavailable."), times=times)


class Faults:
    """Those that are in force."""

    def __init__(self) -> None:
        self._known: list[tuple[Fault, list[int]]] = []
        self._guard = threading.Lock()

    def add(self, fault: Fault) -> None:
        """From now on."""
        with self._guard:
            self._known.append((fault, [fault.times if fault.times is not None else -1]))

    def clear(self) -> None:
        """Everything works again."""
        with self._guard:
            self._known.clear()

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        """For as long as the block lasts."""
        self.add(fault)
        try:
            yield
        finally:
            with self._guard:
                self._known = [known for known in self._known if known[0] is not fault]

    def unbilled(self) -> set[str]:
        """The projects to which no billing account is linked."""
        with self._guard:
            return {fault.unbilled for fault, left in self._known if left[0] and fault.unbilled}

    def lacking(self) -> set[str]:
        """The permissions that whoever asks does not have."""
        with self._guard:
            return {fault.permission for fault, left in self._known if fault.permission and left[0]}

    def meet(self, method: str) -> float:
        """How many seconds longer an operation of this method takes. Refused when a fault says so."""
        seconds = 0.0
        with self._guard:
            for fault, left in self._known:
                if left[0] and fnmatchcase(method, fault.methods):
                    left[0] -= 1
                    if fault.refused:
                        raise fault.refused
                    seconds += fault.seconds
        return seconds
