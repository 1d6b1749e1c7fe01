"""What the API server itself can say of the fences: pods that would go around them, asked for and never made
(a dry run), and what stands in the cluster that the fences rest on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from egress.common.objects import Manifest
from egress.plan.model import Plan
from egress.probe.api import Api, ApiError, Json, items_of
from egress.probe.jobs import NAME, idle
from egress.probe.row import Row, State
from egress.proof.intent import Intent
from egress.settings.fences import Rule

_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_WEBHOOK = re.compile(r'admission webhook "([^"]+)"')
_FORBIDDEN = re.compile(r"cannot \w+ resource")
VALIDATOR = "istio-validator"
"""How istiod's webhook configurations for Istio's objects begin."""


class Around(NamedTuple):
    """A pod that would go around the fences."""

    what: str
    rule: Rule
    change: Callable[[Manifest], None]


def _annotated(key: str, value: str) -> Callable[[Manifest], None]:
    def change(pod: Manifest) -> None:
        pod["metadata"].setdefault("annotations", {})[key] = value

    return change


def _labelled(key: str, value: str) -> Callable[[Manifest], None]:
    def change(pod: Manifest) -> None:
        pod["metadata"]["labels"][key] = value

    return change


def _specified(**fields: Any) -> Callable[[Manifest], None]:
    def change(pod: Manifest) -> None:
        pod["spec"] |= fields

    return change


def _as_the_proxy(pod: Manifest) -> None:
    pod["spec"]["securityContext"] |= {"runAsUser": 1337, "runAsGroup": 1337}


def _capable(pod: Manifest) -> None:
    pod["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = ["NET_ADMIN"]


AROUND = (
    Around("without a sidecar", Rule.INJECTION, _labelled("sidecar.istio.io/inject", "false")),
    Around(
        "whose port 443 leaves past the sidecar",
        Rule.TRAFFIC_REDIRECTION,
        _annotated("traffic.sidecar.istio.io/excludeOutboundPorts", "443"),
    ),
    Around("that runs as the proxy", Rule.PROXY_IDENTITY, _as_the_proxy),
    Around("that undoes redirection (NET_ADMIN)", Rule.CAPABILITIES, _capable),
    Around("in the node's own network", Rule.HOST_NAMESPACES, _specified(hostNetwork=True)),
    Around(
        "on any node, the gateways' too", Rule.GATEWAY_NODES, _specified(tolerations=[{"operator": "Exists"}])
    ),
    Around(
        "that leads the control plane's name elsewhere",
        Rule.CONTROL_PLANE_NAMES,
        _specified(hostAliases=[{"ip": "198.51.100.7", "hostnames": ["istiod.istio-system.svc"]}]),
    ),
)
"""Each breaks one rule of admission, and would open the way out that the rule closes."""


def admission(api: Api, plan: Plan, teams: Sequence[str], image: str) -> Iterator[Row]:
    """Pods that go around the fences, of each team: the API server is asked to say what it would do."""
    intent = Intent(plan)
    for team in teams:
        for around in AROUND:
            kept = intent.keeps(team, around.rule)
            what = f"{team}: a pod {around.what}"
            says, by = _dry_run(api, team, around, image)
            seen = "refused" if by else "admitted"
            expected = "refused" if kept else "admitted"
            if by is None:
                yield Row(what, State.NOT_ASKED, says=says)
            elif not kept:
                # Another fence, as Pod Security, may refuse it all the same.
                yield Row(what, State.OK, expected, seen, by or "-")
            elif by:
                yield Row(what, State.OK, expected, seen, by)
            else:
                leak = f"rule {around.rule} has to refuse it, and the API server would take it"
                yield Row(what, State.LEAK, expected, seen, says=leak)


def _dry_run(api: Api, team: str, around: Around, image: str) -> tuple[str, str | None]:
    """What was said, and who refused; an empty name: nobody did. None: it could not be asked."""
    pod = plain_pod(team, image)
    around.change(pod)
    try:
        api.ask("POST", f"/api/v1/namespaces/{team}/pods", pod, dryRun="All")
    except ApiError as error:
        return str(error), _refuser(error)
    return "", ""


def _refuser(error: ApiError) -> str | None:
    """Who refused, by what the API server says; None: whoever asks may not, or nobody answered."""
    text = str(error)
    if found := _POLICY.search(text):
        return f"API server: policy {found[1]}"
    if "violates PodSecurity" in text:
        return "API server: Pod Security"
    if found := _WEBHOOK.search(text):
        return f"API server: webhook {found[1]}"
    if error.status not in (403, 422, 400) or _FORBIDDEN.search(text):
        return None
    return "API server"


def plain_pod(team: str, image: str) -> Manifest:
    """The pod of an ordinary Job, which every fence lets in."""
    template: Manifest = idle(team, image)["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": f"{NAME}-dry-run", "namespace": team},
        "spec": template["spec"],
    }


def standing(api: Api, plan: Plan) -> Iterator[Row]:
    """What the fences rest on, as it stands in the cluster."""
    questions: list[tuple[str, str, Callable[[], tuple[bool | None, str]]]] = [
        (
            "the API server's addresses, which istiod's NetworkPolicy names",
            f"in {plan.addresses.control_plane}",
            lambda: _api_server(api, plan),
        ),
        (
            "konnectivity-agent, by which the API server reaches webhooks",
            f"in {plan.addresses.pods}",
            lambda: _agents(api, plan),
        ),
    ]
    if plan.in_cluster_mesh:
        # istiod sets it once the API server reaches it.
        what = "istiod's webhook, which refuses Istio objects that are not valid"
        questions.append((what, "failurePolicy: Fail", lambda: _validator(api)))
    for gateway in plan.gateways:
        questions.append(
            (
                f"pods of the gateway in {gateway.namespace}",
                f"{gateway.settings.min_replicas} ready on 2 nodes",
                lambda gateway=gateway: _spread(
                    api, gateway.namespace, gateway.labels, gateway.settings.min_replicas
                ),
            )
        )
    for what, wanted, ask in questions:
        try:
            holds, seen = ask()
        except ApiError as error:
            yield Row(what, State.NOT_ASKED, wanted, says=str(error))
            continue
        state = State.NOT_ASKED if holds is None else State.OK if holds else State.WRONG
        says = "" if holds else f"expected {wanted}, seen {seen}" if state is State.WRONG else seen
        yield Row(what, state, wanted, seen if holds is not None else "-", says=says)


def _api_server(api: Api, plan: Plan) -> tuple[bool | None, str]:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    slices: list[Json] = api.ask("GET", path, labelSelector="kubernetes.io/service-name=kubernetes")["items"]
    found = sorted(
        {
            address
            for item in slices
            for end in items_of(item, "endpoints")
            for address in map(str, items_of(end, "addresses"))
        }
    )
    return _all_within(found, plan.addresses.control_plane, "the Service kubernetes has no endpoint")


def _agents(api: Api, plan: Plan) -> tuple[bool | None, str]:
    path = "/api/v1/namespaces/kube-system/pods"
    pods: list[Json] = api.ask("GET", path, labelSelector="k8s-app=konnectivity-agent")["items"]
    found = sorted({pod["status"]["podIP"] for pod in pods if pod.get("status", {}).get("podIP")})
    return _all_within(found, plan.addresses.pods, "no such pod runs here")


def _all_within(addresses: Sequence[str], wanted: str, none: str) -> tuple[bool | None, str]:
    if not addresses:
        return None, none
    network = ip_network(wanted)
    return all(ip_address(address) in network for address in addresses), ", ".join(addresses[:4])


def _validator(api: Api) -> tuple[bool | None, str]:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    items: list[Json] = api.ask("GET", path)["items"]
    hooks = [
        hook
        for item in items
        if item["metadata"]["name"].startswith(VALIDATOR)
        for hook in items_of(item, "webhooks")
    ]
    if not hooks:
        return False, "none"
    said = sorted({str(hook.get("failurePolicy")) for hook in hooks})
    return said == ["Fail"], f"failurePolicy: {', '.join(said)}"


def _spread(api: Api, namespace: str, labels: Mapping[str, str], least: int) -> tuple[bool | None, str]:
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods: list[Json] = api.ask("GET", f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)["items"]
    ready = [pod for pod in pods if _is_ready(pod)]
    nodes = {str(pod["spec"].get("nodeName")) for pod in ready}
    seen = f"{len(ready)} ready on {len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    return len(ready) >= least and len(nodes) > 1, seen


def _is_ready(pod: Json) -> bool:
    conditions = items_of(pod.get("status", {}), "conditions")
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
