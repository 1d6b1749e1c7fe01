"""Istio's own injector before the stack's policies: whatever a member of a team writes into a pod, the proxy
that the injector makes of it is the platform's, or the pod is refused.

Needs istiod's program (pilot-discovery) and istioctl: docs/testing.md. Once istiod makes another proxy,
record that for the stand-in: `python -m pytest tests/apiserver/test_injection.py -k recorded
--regenerate-golden`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from egress.common.objects import Object
from egress.layers.admission.injected import image
from egress.layers.admission.proxy import METRICS, TUNABLE
from egress.layers.cluster.gateway_workload import MAX_CONNECTIONS
from tests.apiserver import injector, istiod
from tests.apiserver.attacks import (
    ATTACKS,
    KNOWN_TO_THE_CODE,
    LINES,
    OWN_FIELDS,
    PLAIN_TEXTS,
    Attack,
    in_field,
    with_text,
)
from tests.apiserver.injection import (
    ADMIN,
    BETWEEN_THE_LINES,
    FORMS,
    JSON,
    UNFENCED,
    Real,
    gateways,
    harm,
    host_network,
    made,
    names_of,
    pod,
    refusing,
)
from tests.apiserver.people import Answer, api_server, deploy, wait_until
from tests.apiserver.stage import CONTROLLER
from tests.apiserver.workloads import KINDS, annotation, label
from tests.mesh.programs import Missing

pytestmark = pytest.mark.xdist_group("apiserver")


@pytest.fixture(scope="module", params=FORMS)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    form: str = request.param
    make, native = FORMS[form]
    plan, folder = make(), tmp_path_factory.mktemp(form)
    try:
        for name in ("pilot-discovery", "istioctl"):
            istiod.program(name)
    except Missing as missing:
        pytest.skip(str(missing))
    with api_server(folder) as (api, server, cluster):
        deploy(cluster, plan)
        unlabelled = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}
        assert (
            api.ask(
                "PATCH", "/api/v1/namespaces/team-x", unlabelled, content_type="application/merge-patch+json"
            ).status
            == 200
        )
        assert api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": UNFENCED}}).status == 201
        certificates = server.kubeconfig.parent / "certificates"
        environment = {"ENABLE_NATIVE_SIDECARS": native}
        with istiod.serving(
            plan, folder, server.kubeconfig, certificates, server.ca_pem, environment
        ) as address:
            names = ["team-x", "team-y", UNFENCED, *(item.namespace for item in gateways(plan))]
            selected = [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}]
            hook = istiod.webhook(
                address, server.ca_pem, {"namespaceSelector": {"matchExpressions": selected}}
            )
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            assert api.ask("POST", path, hook).status == 201
            template = yaml.safe_load((folder / "var/lib/istio/inject/config").read_text(encoding="utf-8"))[
                "templates"
            ]["sidecar"]
            found = Real(form, plan, api, template)
            wait_until(lambda: "istio-proxy" in names_of(found.create(pod())), "istiod is to inject")
            wait_until(lambda: found.create(pod(host_network)).status == 403, "the policies are to be active")
            yield found


class TestWhatATeamDoes:
    """Ordinary work goes on."""

    def test_an_ordinary_pod_has_the_platforms_proxy(self, real: Real) -> None:
        answer = real.create(pod())
        assert answer.status == 201, answer.message
        first = {"init": "istio-init"}.get(real.form, "istio-validation")
        assert {*names_of(answer)} == {"istio-proxy", first, "shop"}

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_controller_and_the_pods_that_it_makes(self, real: Real, kind: str) -> None:
        answer = real.create(pod(), kind=kind)
        assert answer.status == 201, answer.message
        if kind in ("Pod", "PodTemplate", "CronJob"):
            return
        group = {"ReplicationController": "v1", "Job": "batch/v1"}.get(kind, "apps/v1")
        owner = {"apiVersion": group, "kind": kind, "name": "shop-5d4f8c", "uid": "1", "controller": True}
        template = pod()
        template["metadata"] |= {
            "ownerReferences": [owner],
            "labels": {"app": "shop", "pod-template-hash": "5d4f8c"},
        }
        answer = real.create(template)
        assert answer.status == 201, answer.message

    def test_ports_probes_metrics_and_resources(self, real: Real) -> None:
        ports = [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]
        probes = {
            "readinessProbe": {"httpGet": {"path": "/ready?x=1&y=2", "port": "http"}},
            "livenessProbe": {"tcpSocket": {"port": 9090}},
        }
        settings = {
            **{key: "100m" for key in TUNABLE if key.endswith(("CPU", "CPULimit"))},
            **{key: "128Mi" for key in TUNABLE if key.endswith(("Memory", "MemoryLimit"))},
            "sidecar.istio.io/logLevel": "debug",
            "sidecar.istio.io/componentLogLevel": "rbac:debug,misc:error",
            "sidecar.istio.io/agentLogLevel": "default:info,xdsproxy:debug",
            "sidecar.istio.io/rewriteAppHTTPProbers": "true",
            "prometheus.istio.io/merge-metrics": "true",
            "prometheus.io/port": "9090",
            "prometheus.io/path": "/metrics?a=b&c=d",
            "prometheus.io/scrape": "true",
        }
        assert settings.keys() == {*TUNABLE, *METRICS}
        template = pod(*(annotation(key, value) for key, value in settings.items()))
        template["spec"]["containers"][0] |= {"ports": ports, **probes}
        answer = real.create(template)
        assert answer.status == 201, answer.message
        (proxy,) = [
            c
            for part in ("containers", "initContainers")
            for name, c in made(answer)[part].items()
            if name == "istio-proxy"
        ]
        assert proxy["resources"] == {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "100m", "memory": "128Mi"},
        }
        assert {"--proxyLogLevel=debug", "--proxyComponentLogLevel=rbac:debug,misc:error"} <= {*proxy["args"]}
        told = {variable["name"]: variable.get("value", "") for variable in proxy["env"]}
        assert json.loads(told["ISTIO_PROMETHEUS_ANNOTATIONS"])["port"] == "9090"
        assert json.loads(told["ISTIO_KUBE_APP_PROBERS"])

    def test_the_platforms_own_pods_do_as_before(self, real: Real) -> None:
        deployed = real.api.ask("GET", "/apis/apps/v1/namespaces/team-x/deployments/test").body
        answer = real.create(deployed["spec"]["template"])
        assert answer.status == 201, answer.message
        assert "istio-proxy" in names_of(answer)

    def test_what_the_stand_in_adds_is_as_recorded(self, real: Real, regenerate: bool) -> None:
        if real.form == "another version":
            pytest.skip("nothing is recorded of it")
        answer = real.create(pod())
        kept: JSON = {part: [*items.values()] for part, items in made(answer).items()}
        meta = answer.body["metadata"]
        template = pod()["metadata"]
        kept["annotations"] = meta["annotations"]
        kept["labels"] = {
            key: value for key, value in meta["labels"].items() if key not in template["labels"]
        }
        recorded: JSON = (
            json.loads(injector.RECORDED.read_text(encoding="utf-8")) if injector.RECORDED.exists() else {}
        )
        if regenerate:
            recorded[real.form] = kept
            injector.RECORDED.write_text(
                json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8"
            )
        assert recorded[real.form] == json.loads(json.dumps(kept))


class TestWhatThePlatformRuns:
    """The gateways' own pods, of the injector's template `gateway`, as Kubernetes' controller makes them."""

    def made_by_kubernetes(self, real: Real, deployment: Object, *changes: Any) -> Answer:
        template: JSON = json.loads(json.dumps(deployment.manifest["spec"]["template"]))
        for change in changes:
            change(template)
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": f"{deployment.name}-5d4f8c",
            "uid": "1",
            "controller": True,
        }
        template["metadata"] |= {"ownerReferences": [owner]}
        template["metadata"]["labels"]["pod-template-hash"] = "5d4f8c"
        return real.create(template, namespace=deployment.namespace or "", person=CONTROLLER)

    def test_every_gateways_pod_is_taken_without_a_warning(self, real: Real) -> None:
        found = {item.namespace: self.made_by_kubernetes(real, item) for item in gateways(real.plan)}
        assert {
            namespace: (answer.status, answer.message, answer.warnings) for namespace, answer in found.items()
        } == {
            "istio-egress": (201, "", ()),
            "istio-ingress": (201, "", ()),
        }

    def test_and_is_the_gateway_that_was_rendered(self, real: Real) -> None:
        """Injection fills in what to run, and leaves where it runs and with which rights."""
        for item in gateways(real.plan):
            written: JSON = item.manifest["spec"]["template"]["spec"]
            found: JSON = self.made_by_kubernetes(real, item).body["spec"]
            (proxy,) = [*found["containers"], *found.get("initContainers", [])]
            (asked,) = written["containers"]
            assert (proxy["name"], proxy["image"], proxy["args"][:2]) == (
                "istio-proxy",
                image(real.plan),
                ["proxy", "router"],
            )
            assert asked["securityContext"].items() <= proxy["securityContext"].items()
            assert proxy["resources"] == asked["resources"]
            told = {variable["name"]: variable.get("value") for variable in proxy["env"]}
            assert told[MAX_CONNECTIONS] == "2000"
            assert written["securityContext"].items() <= found["securityContext"].items()
            for key in (
                "serviceAccountName",
                "automountServiceAccountToken",
                "nodeSelector",
                "priorityClassName",
            ):
                assert found[key] == written[key]
            assert written["tolerations"][0] in found["tolerations"]

    def test_what_the_injector_makes_of_it_meets_pod_security(self, real: Real) -> None:
        """A line break in the annotation makes a second container, which nobody wrote."""
        for item in gateways(real.plan):
            answer = self.made_by_kubernetes(
                real, item, annotation("sidecar.istio.io/componentLogLevel", BETWEEN_THE_LINES)
            )
            refused = answer.status == 403 and 'violates PodSecurity "restricted' in answer.message
            assert (refused, 'container "more"' in answer.message) == (True, True), answer

    def test_it_is_no_template_for_teams(self, real: Real) -> None:
        for item in gateways(real.plan):
            answer = real.create({**item.manifest["spec"]["template"]}, person=CONTROLLER)
            assert (answer.status, refusing(answer)) == (403, True), answer


class TestWhoeverWritesBetweenTheLines:
    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
    def test_an_attack_works_where_nothing_stands_in_its_way(self, real: Real, attack: Attack) -> None:
        """Else the test below shows nothing."""
        if attack.native not in (None, real.form == "native"):
            pytest.skip("made for another way of injecting")
        answer = real.create(pod(attack.change), namespace=UNFENCED, person=ADMIN)
        assert answer.status == 201, answer.message
        assert made(answer) != made(real.create(pod(), namespace=UNFENCED, person=ADMIN))

    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
    def test_and_is_refused_in_a_teams_namespace(self, real: Real, attack: Attack) -> None:
        answer = real.create(pod(attack.change))
        if attack.native in (None, real.form == "native"):
            assert (answer.status, refusing(answer)) == (403, True), answer
        else:
            assert answer.status != 201

    def test_every_field_that_the_template_reads_is_attacked(self, real: Real) -> None:
        """A newer template that reads more fails here, until somebody has looked at it."""
        read = {
            *re.findall(
                r"\.(?:ObjectMeta|Spec|DeploymentMeta|TypeMeta)\.[A-Za-z]+|\$(?:container|c)\.[A-Za-z]+",
                real.template,
            )
        }
        assert read == {*OWN_FIELDS}

    def test_nothing_that_the_template_reads_changes_the_proxy(self, real: Real) -> None:
        plain = made(real.create(pod()))
        annotations = {*re.findall(r"`([a-z0-9.-]+/[A-Za-z.-]+)`", real.template), *TUNABLE, *METRICS}
        labels = {*re.findall(r"ObjectMeta[.]Labels `([^`]+)`", real.template)}
        assert {"sidecar.istio.io/componentLogLevel", "sidecar.istio.io/bootstrapOverride"} <= annotations
        assert {"service.istio.io/workload-name", "app"} <= labels
        found: list[str] = []
        for text in (
            (*LINES, *(PLAIN_TEXTS if real.form == "cni" else ())) if real.form != "another version" else ()
        ):
            found += [harm(real, pod(annotation(key, text)), plain) for key in sorted(annotations)]
            found += [harm(real, pod(label(key, text)), plain) for key in sorted(labels)]
            found += [
                harm(real, with_text(pod(), put, text), plain)
                for field in OWN_FIELDS
                for put in in_field(field)
            ]
        assert [*filter(None, found)] == []

    def test_nor_does_any_name_that_istiod_knows(self, real: Real) -> None:
        """Annotations and labels that istiod's own code reads besides the template."""
        if real.form != "native":
            pytest.skip("asked once")
        plain = made(real.create(pod()))
        program = istiod.program("pilot-discovery").read_bytes()
        assert [key for key in KNOWN_TO_THE_CODE if key.encode() not in program] == []
        ways = [(annotation, "{}"), (annotation, "x"), (annotation, "true"), (label, "true")]
        found = [harm(real, pod(put(key, text)), plain) for key in KNOWN_TO_THE_CODE for put, text in ways]
        assert [*filter(None, found)] == []
