"""People before a real API server: requests as somebody, with only the rights that the stack's own objects
give them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from egress.common.objects import Object
from egress.layers.render import render
from egress.plan.model import Plan
from sandbox import tools
from sandbox.apiserver import ApiServer
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster
from tests.support import config_with, plan_of

JSON = dict[str, Any]
GROUPS = {
    "platform": ["gke-platform@example.com"],
    "security": ["gke-security@example.com"],
    "teams": {"team-x": ["gke-team-x@example.com"], "team-y": ["gke-team-y@example.com"]},
}


@dataclass(frozen=True)
class Person:
    """Whom to impersonate; None: the sandbox's administrator, in group system:masters."""

    user: str
    groups: tuple[str, ...] = ()


ANN = Person("ann@example.com", ("gke-team-x@example.com",))
BEN = Person("ben@example.com", ("gke-team-y@example.com",))
PAT = Person("pat@example.com", ("gke-platform@example.com",))
SUE = Person("sue@example.com", ("gke-security@example.com",))
EVE = Person("eve@example.com")


@dataclass(frozen=True)
class Answer:
    status: int
    body: JSON
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        return self.body.get("message", "")


class Api:
    """One API server, asked as anybody."""

    def __init__(self, server: ApiServer, authority: Path) -> None:
        authority.write_text(server.ca_pem, encoding="utf-8")
        self._pool = urllib3.PoolManager(ca_certs=str(authority), retries=False, timeout=30)
        self._url, self._token = server.url, server.token

    def ask(
        self,
        method: str,
        path: str,
        body: JSON | list[JSON] | None = None,
        *,
        person: Person | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        headers = urllib3.HTTPHeaderDict(
            {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        )
        if person:
            headers.add("Impersonate-User", person.user)
            for group in (*person.groups, "system:authenticated"):
                headers.add("Impersonate-Group", group)
        data = json.dumps(body).encode() if body is not None else None
        answer = self._pool.request(method, self._url + path, body=data, headers=headers)
        try:
            return Answer(answer.status, json.loads(answer.data), tuple(answer.headers.getlist("Warning")))
        except ValueError:
            return Answer(answer.status, {"message": answer.data.decode(errors="replace")})

    def may(
        self, person: Person, verb: str, resource: str, *, group: str = "", namespace: str | None = "team-x"
    ) -> bool:
        """What a SubjectAccessReview says; `resource` may hold a subresource."""
        name, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": name,
            "subresource": subresource,
            "namespace": namespace or "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": person.user,
                "groups": [*person.groups, "system:authenticated"],
                "resourceAttributes": attributes,
            },
        }
        answer = self.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        assert answer.status == 201, answer
        return bool(answer.body["status"]["allowed"])


def fenced_plan(**admission: Any) -> Plan:
    """The dev stack with groups for everybody; `admission` goes into `fences.admission`. Without Pod
    Security, which would refuse first what the policies are tried with; it has tests of its own."""
    alone = {"pod-security": "the policies are tried alone"}
    config = config_with(
        "fences", {"contact": "#platform", "groups": GROUPS, "admission": admission, "relaxed": alone}
    )
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    return plan_of(config)


@contextmanager
def api_server(root: Path, server: ApiServer | None = None) -> Iterator[tuple[Api, ApiServer, Cluster]]:
    """An API server of its own with Istio's definitions, and nothing of the stack yet. `server`: one that is
    not like the others."""
    server = server or ApiServer(Home(root))
    server.start()
    try:
        cluster = Cluster(server.url, server.token, server.ca_pem, force=True)
        for definition in yaml.load_all(
            tools.istio_crds().read_text(encoding="utf-8"),
            Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
        ):
            cluster.apply(
                cluster.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"), None, definition
            )
        yield Api(server, root / "authority.pem"), server, cluster
    finally:
        server.wipe()


def deploy(cluster: Cluster, plan: Plan) -> list[Object]:
    """Apply everything the plan renders, in the order in which it is rendered."""
    return _apply(cluster, render(plan))


def deploy_policies(cluster: Cluster, plan: Plan) -> list[Object]:
    """Apply the plan's policies of admission alone."""
    return _apply(cluster, [item for item in render(plan) if item.kind == "ValidatingAdmissionPolicy"])


def _apply(cluster: Cluster, rendered: list[Object]) -> list[Object]:
    for item in rendered:
        kind = cluster.kind(item.manifest["apiVersion"], item.kind, seconds=20)
        cluster.apply(kind, item.namespace, item.manifest)
    return rendered


def wait_for_rights(
    api: Api,
    people: Iterable[Person],
    verb: str,
    resource: str,
    *,
    group: str = "",
    namespace: str | None = "team-x",
) -> None:
    """Authorization takes a moment to see a role and a binding that the API server has just taken."""
    for person in people:
        what = f"{person.user} is to have the right to {verb} {resource}"
        wait_until(
            lambda person=person: api.may(person, verb, resource, group=group, namespace=namespace), what
        )


def wait_until(done: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """A policy takes a moment to become active."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not so after {seconds:.0f} s"
        time.sleep(0.1)
