"""The whole probe: what is asked, in which Jobs, and the rows of the table that come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.common.objects import Manifest
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.probe import fences
from egress.probe.api import Api, ApiError, Json, items_of
from egress.probe.asked import Asked, NotAsked
from egress.probe.flows import ACCOUNT, Flows, Service
from egress.probe.jobs import LINGERS, jobs
from egress.probe.layer import Logs
from egress.probe.row import Row, State, not_asked, of_flow
from egress.probe.run import Heard, gateway_logs, heard, running


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to be asked."""

    plan: Plan
    judges: Judges
    teams: Sequence[str]
    image: str
    run: str
    """Part of the Jobs' names, and their label."""
    seconds: float = 600.0
    """How long the Jobs may take altogether."""
    lingers: float = LINGERS


@dataclass(frozen=True)
class Made:
    """The Jobs, and what they ask."""

    jobs: Sequence[Manifest]
    asked: Sequence[Asked | NotAsked]


def made(wanted: Wanted, asked: Iterable[Asked | NotAsked]) -> Made:
    """The Jobs that ask these flows."""
    listed = list(asked)
    flows = [one for one in listed if isinstance(one, Asked)]
    return Made(list(jobs(flows, wanted.run, wanted.image, wanted.lingers)), listed)


def flows_of(wanted: Wanted, services: Mapping[str, Service | None]) -> Iterator[Asked | NotAsked]:
    """What is asked, without looking whether it can be."""
    return Flows(wanted.plan, wanted.judges, services).all(wanted.teams)


def probed(api: Api, wanted: Wanted, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every row, in the order of the table. Jobs are gone when the first comes."""
    services = {team.name: service_of(api, team.name) for team in wanted.plan.teams}
    probe = made(wanted, map(_Accounts(api).checked, flows_of(wanted, services)))
    began = time.monotonic()
    count = sum(isinstance(one, Asked) for one in probe.asked)
    tell(f"{count} flows in {len(probe.jobs)} Jobs")
    with running(api, probe.jobs, wanted.run, tell) as refused:
        answers = heard(api, probe.jobs, refused, wanted.seconds, tell)
        namespaces = [gateway.namespace for gateway in wanted.plan.gateways]
        gateways, unread = gateway_logs(api, namespaces, time.monotonic() - began)
    for why in unread:
        tell(f"The gateway's access log could not be read, so what it refuses has no name: {why}")
    yield from rows(probe.asked, answers, gateways)
    yield from fences.admission(api, wanted.plan, wanted.teams, wanted.image)
    yield from fences.standing(api, wanted.plan)


def rows(
    asked: Sequence[Asked | NotAsked], answers: Sequence[Heard], gateways: Sequence[str]
) -> Iterator[Row]:
    """The rows of the flows, and of each pod that was to try them."""
    said: dict[str, tuple[Mapping[str, Any], Logs]] = {}
    troubles: dict[tuple[str, str], str] = {}
    for one in answers:
        logs = Logs(one.log, gateways)
        said |= {id: (answer, logs) for id, answer in one.said.items()}
        who = f"{one.namespace}{'' if one.account == ACCOUNT else f' as {one.account}'}: the probe's own pod"
        if one.trouble:
            troubles[one.namespace, one.account] = one.trouble
            yield Row(who, State.WRONG, "runs", "-", says=one.trouble)
        elif one.sidecar is False:
            wrong = "no proxy of the mesh is in it: the namespace is not injected, or the proxy is not ready"
            yield Row(who, State.WRONG, "has a sidecar", "has none", says=wrong)
    nothing = Logs("", ())
    for one in asked:
        if isinstance(one, NotAsked):
            yield not_asked(one)
            continue
        answer, logs = said.get(one.id, (None, nothing))
        trouble = troubles.get((one.flow.namespace, one.flow.service_account))
        if answer is None and trouble:
            yield Row(one.what, State.NOT_ASKED, one.expected.word, says=trouble)
        else:
            yield of_flow(one, answer, logs)


class _Accounts:
    """The teams' ServiceAccounts: without its own no Job makes a pod."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._missing: dict[tuple[str, str], bool] = {}

    def checked(self, one: Asked | NotAsked) -> Asked | NotAsked:
        if isinstance(one, NotAsked) or one.flow.service_account == ACCOUNT:
            return one
        team, account = one.flow.namespace, one.flow.service_account
        if (team, account) not in self._missing:
            self._missing[team, account] = self._is_missing(team, account)
        missing = f"there is no ServiceAccount {account}"
        return NotAsked(one.what, missing) if self._missing[team, account] else one

    def _is_missing(self, team: str, account: str) -> bool:
        try:
            self._api.ask("GET", f"/api/v1/namespaces/{team}/serviceaccounts/{account}")
        except ApiError as error:
            return error.status == 404
        return False


def service_of(api: Api, namespace: str) -> Service | None:
    """A Service of a namespace by which its pods can be asked: the first, by name, with ready pods."""
    try:
        services: list[Json] = api.ask("GET", f"/api/v1/namespaces/{namespace}/services")["items"]
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        slices: list[Json] = api.ask("GET", path)["items"]
    except ApiError:
        return None
    ready = {
        item["metadata"].get("labels", {}).get("kubernetes.io/service-name")
        for item in slices
        for end in items_of(item, "endpoints")
        if end.get("conditions", {}).get("ready", True)
    }
    for service in sorted(services, key=lambda item: str(item["metadata"]["name"])):
        for port in items_of(service["spec"], "ports"):
            if service["metadata"]["name"] in ready and port.get("protocol", "TCP") == "TCP":
                return Service(service["metadata"]["name"], port["port"])
    return None
