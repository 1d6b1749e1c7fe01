"""A probe's Jobs in a cluster: made, waited for, read, and deleted whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from egress.common.objects import Manifest
from egress.probe.api import Api, ApiError, Json, items_of
from egress.probe.jobs import NAME, RUN_LABEL

POLL = 1.0
PROXY = "istio-proxy"
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")


@dataclass
class Heard:
    """What one Job's pod left behind."""

    namespace: str
    account: str
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Its answer to each flow, by the flow's id."""
    sidecar: bool | None = None
    """Whether its proxy was there and ready; None: it did not come so far."""
    log: str = ""
    """Its proxy's."""
    trouble: str = ""
    """Why it said nothing, or less than it was to."""


@contextmanager
def running(
    api: Api, jobs: Sequence[Manifest], run: str, tell: Callable[[str], None]
) -> Generator[dict[str, str]]:
    """The Jobs, as long as the block lasts; yields why some could not be made, by name."""
    refused: dict[str, str] = {}
    try:
        for job in jobs:
            meta = job["metadata"]
            try:
                api.ask("POST", f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs", job)
            except ApiError as error:
                refused[meta["name"]] = str(error)
        yield refused
    finally:
        for namespace in sorted({job["metadata"]["namespace"] for job in jobs}):
            try:
                api.ask(
                    "DELETE",
                    f"/apis/batch/v1/namespaces/{namespace}/jobs",
                    labelSelector=f"{RUN_LABEL}={run}",
                    propagationPolicy="Background",
                )
            except ApiError as error:
                tell(f"The Jobs in {namespace} were not deleted, and go by themselves in a while: {error}")


def heard(
    api: Api,
    jobs: Sequence[Manifest],
    refused: Mapping[str, str],
    seconds: float,
    tell: Callable[[str], None],
) -> list[Heard]:
    """Wait until every Job's pod has ended, no longer than so many seconds, and read what each said."""
    deadline = time.monotonic() + seconds
    ended: dict[str, Heard] = {}
    for job in jobs:
        if job["metadata"]["name"] in refused:
            ended[job["metadata"]["name"]] = _of(job, trouble=refused[job["metadata"]["name"]])
    waiting = ""
    while len(ended) < len(jobs):
        late = time.monotonic() > deadline
        for job in jobs:
            name = job["metadata"]["name"]
            if name not in ended and (found := _looked_at(api, job, late)):
                ended[name] = found
        words = f"waiting for {len(jobs) - len(ended)} of {len(jobs)} Jobs"
        if words != waiting and len(ended) < len(jobs):
            tell(words)
            waiting = words
        if len(ended) < len(jobs):
            time.sleep(POLL)
    return [ended[job["metadata"]["name"]] for job in jobs]


def _of(job: Manifest, **more: Any) -> Heard:
    return Heard(job["metadata"]["namespace"], job["spec"]["template"]["spec"]["serviceAccountName"], **more)


def _looked_at(api: Api, job: Manifest, late: bool) -> Heard | None:
    """What came of a Job; None: it goes on."""
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    try:
        pods = api.ask("GET", f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"job-name={name}")
    except ApiError as error:
        return _of(job, trouble=f"its pod could not be read: {error}") if late else None
    items: list[Json] = pods["items"]
    if not items:
        return _of(job, trouble=_why_no_pod(api, namespace, name)) if late else None
    pod = items[0]
    state = _state(pod)
    hopeless = state.get("waiting", {}).get("reason") in _HOPELESS
    if not (
        late or hopeless or "terminated" in state or pod["status"].get("phase") in ("Failed", "Succeeded")
    ):
        return None
    return _read(api, job, pod, state, hopeless or late)


def _read(api: Api, job: Manifest, pod: Json, state: Mapping[str, Json], unfinished: bool) -> Heard:
    namespace, at = job["metadata"]["namespace"], pod["metadata"]["name"]
    found = _of(job)
    path = f"/api/v1/namespaces/{namespace}/pods/{at}/log"
    try:
        text = api.text("GET", path, container=NAME)
    except ApiError as error:
        text, found.trouble = "", f"its log could not be read: {error}"
    said: dict[str, Mapping[str, Any]] = {}
    for line in text.splitlines():
        with suppress(ValueError):
            told = json.loads(line)
            if "id" in told:
                said[told["id"]] = told
            elif "sidecar" in told:
                found.sidecar = bool(told["sidecar"])
    found.said = said
    with suppress(ApiError):
        found.log = api.text("GET", path, container=PROXY)
    if waits := state.get("waiting"):
        found.trouble = f"its container waits: {waits.get('reason')}: {waits.get('message', '')}".rstrip(": ")
    elif unfinished and "terminated" not in state:
        found.trouble = found.trouble or "it did not come to its end in time"
    elif state.get("terminated", {}).get("exitCode"):
        last = text.strip().splitlines()[-1:] or [""]
        found.trouble = f"it ended with {state['terminated']['exitCode']}: {last[0][:200]}"
    return found


def _state(pod: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for item in items_of(pod["status"], "containerStatuses"):
        if item["name"] == NAME:
            found = item.get("state") or found
    return found


def _why_no_pod(api: Api, namespace: str, job: str) -> str:
    """What the Job's own events say: the pod was refused, by quota, say, or by admission."""
    with suppress(ApiError):
        events: list[Json] = api.ask(
            "GET", f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={job}"
        )["items"]
        if refused := [event["message"] for event in events if event.get("type") == "Warning"]:
            return f"it has no pod: {refused[-1]}"
    return "it has no pod, and no event says why"


def gateway_logs(api: Api, namespaces: Iterable[str], since: float) -> tuple[list[str], list[str]]:
    """What the gateways' proxies wrote in the last seconds, and why some could not be read."""
    texts: list[str] = []
    unread: list[str] = []
    for namespace in namespaces:
        try:
            pods: list[Json] = api.ask("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
            for pod in pods:
                path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log"
                texts.append(api.text("GET", path, container=PROXY, sinceSeconds=str(int(since) + 5)))
        except ApiError as error:
            unread.append(f"{namespace}: {error}")
    return texts, unread
