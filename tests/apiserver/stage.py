"""What the tests of admission share: people with rights by hand, and ways to try one object."""

from __future__ import annotations

from typing import Any

from egress.settings.fences import Rule
from tests.apiserver import injector
from tests.apiserver.people import ANN, EVE, Answer, Api, Person, wait_until
from tests.apiserver.workload_cases import ACCEPTED, REFUSED
from tests.apiserver.workloads import Case, in_kind, pod_template

EDITOR = Person("ed@example.com")
"""Somebody with the rights of Kubernetes' own role `edit` in team-x, and some given by hand."""
CONTROLLER = Person(
    "system:serviceaccount:kube-system:replicaset-controller", ("system:serviceaccounts:kube-system",)
)
EXEMPTIONS = {
    "team-y": {"host-ports": "an appliance that listens on nodes", "service-types": "partner's load balancer"}
}
DRY = "?dryRun=All"


def hand_given_rights() -> list[dict[str, Any]]:
    """`system:aggregate-to-edit` is what the controller manager, which does not run here, makes `edit` of."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": EDITOR.user}]
    rules = [
        {"apiGroups": ["", "discovery.k8s.io"], "resources": ["endpoints", "endpointslices"], "verbs": ["*"]},
        {"apiGroups": ["networking.istio.io", "security.istio.io"], "resources": ["*"], "verbs": ["*"]},
    ]
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "by-hand"}, "rules": rules},
        *(
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role},
                "roleRef": {"apiGroup": group, "kind": kind, "name": role},
                "subjects": subjects,
            }
            for kind, role in (("Role", "by-hand"), ("ClusterRole", "system:aggregate-to-edit"))
        ),
    ]


def everywhere_by_hand(*people: Person) -> list[dict[str, Any]]:
    """Rights by hand in every namespace: Kubernetes' `edit`, Istio's kinds, and a scheduler's right."""
    group, name = "rbac.authorization.k8s.io", "by-hand-everywhere"
    subjects = [{"apiGroup": group, "kind": "User", "name": person.user} for person in people]
    rules = [
        {"apiGroups": ["networking.istio.io", "security.istio.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["bindings", "pods/binding", "podtemplates"], "verbs": ["create"]},
    ]
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        *(
            {
                "apiVersion": f"{group}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"everywhere-{at}"},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": subjects,
            }
            for at, role in enumerate((name, "system:aggregate-to-edit"))
        ),
    ]


def eve_may_change_namespaces() -> list[dict[str, Any]]:
    """Rights on namespaces without rights on policies."""
    group, name = "rbac.authorization.k8s.io", "namespace-changer"
    resources = ["namespaces", "namespaces/status", "namespaces/finalize"]
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": ["*"]}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": EVE.user}],
        },
    ]


def wait_for_policies(api: Api) -> None:
    """One object for each policy that it refuses once it is active; and the injector."""

    def refused(rule: Rule, answer: Answer) -> bool:
        return answer.status == 403 and f"{rule}: " in answer.message

    def active() -> bool:
        return (
            refused(Rule.HOST_NAMESPACES, create(api, "Pod", case("host-network").template(), person=ANN))
            and refused(Rule.EXTERNAL_IPS, service(api, ANN, externalIPs=["198.51.100.7"]))
            and refused(Rule.PLATFORM_KINDS, policy_by(api, EDITOR))
            and refused(
                Rule.NAMESPACE_LABELS,
                change_namespace(api, "team-x", {"istio-injection": "disabled"}, person=EVE),
            )
            and len(
                create(api, "Pod", injected("init"), person=ANN).body.get("spec", {}).get("containers", [])
            )
            == 2
        )

    for manifest in eve_may_change_namespaces():
        path = f"/apis/rbac.authorization.k8s.io/v1/{manifest['kind'].lower()}s"
        assert api.ask("POST", path, manifest).status == 201
    wait_until(active, "the policies are to be active")


def case(name: str) -> Case:
    return next(case for case in (*REFUSED, *ACCEPTED) if case.name == name)


def create(
    api: Api,
    kind: str,
    template: dict[str, Any],
    *,
    person: Person | None,
    namespace: str = "team-x",
    name: str = "case",
) -> Answer:
    path, manifest = in_kind(kind, template, name, namespace)
    return api.ask("POST", path + DRY, manifest, person=person)


def service(api: Api, person: Person, namespace: str = "team-x", **spec: Any) -> Answer:
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}], **spec},
    }
    return api.ask("POST", f"/api/v1/namespaces/{namespace}/services{DRY}", manifest, person=person)


def policy_by(api: Api, person: Person | None) -> Answer:
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }
    return api.ask(
        "POST", f"/apis/networking.k8s.io/v1/namespaces/team-x/networkpolicies{DRY}", manifest, person=person
    )


def change_namespace(
    api: Api,
    name: str,
    labels: dict[str, str | None],
    *,
    person: Person | None,
    kind: str = "labels",
    sub: str = "",
) -> Answer:
    patch = {"metadata": {kind: labels}}
    path = f"/api/v1/namespaces/{name}{sub}{DRY}"
    return api.ask("PATCH", path, patch, person=person, content_type="application/merge-patch+json")


def injected(how: str) -> dict[str, Any]:
    template = pod_template()
    template["metadata"]["labels"][injector.LABEL] = how
    return template


def assert_refused(answer: Answer, rule: Rule) -> None:
    assert (answer.status, f"{rule}: " in answer.message) == (403, True), answer
    assert "ask #platform" in answer.message
