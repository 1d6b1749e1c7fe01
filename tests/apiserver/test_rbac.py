"""The stack's own roles on a real API server: what each person may do, verb by verb, as the API server itself
answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.layers.cluster import rbac
from tests.apiserver.people import ANN, BEN, EVE, PAT, SUE, Api, Person, api_server, deploy, fenced_plan
from tests.apiserver.workloads import in_kind, pod_template

pytestmark = pytest.mark.xdist_group("apiserver")

CHANGES = ("create", "update", "patch", "delete", "deletecollection")
WORKLOADS = [
    ("", "pods"),
    ("", "services"),
    ("", "configmaps"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "persistentvolumeclaims"),
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("policy", "poddisruptionbudgets"),
]
PLATFORM_ONLY = [
    ("networking.istio.io", "sidecars"),
    ("networking.istio.io", "serviceentries"),
    ("networking.istio.io", "virtualservices"),
    ("networking.istio.io", "gateways"),
    ("networking.istio.io", "destinationrules"),
    ("networking.istio.io", "envoyfilters"),
    ("networking.istio.io", "workloadentries"),
    ("networking.istio.io", "workloadgroups"),
    ("networking.istio.io", "proxyconfigs"),
    ("security.istio.io", "authorizationpolicies"),
    ("security.istio.io", "peerauthentications"),
    ("security.istio.io", "requestauthentications"),
    ("telemetry.istio.io", "telemetries"),
    ("extensions.istio.io", "wasmplugins"),
    ("extensions.istio.io", "trafficextensions"),
    ("networking.k8s.io", "networkpolicies"),
    ("networking.k8s.io", "ingresses"),
    ("gateway.networking.k8s.io", "gateways"),
    ("gateway.networking.k8s.io", "httproutes"),
    ("gateway.networking.k8s.io", "tlsroutes"),
    ("networking.gke.io", "fqdnnetworkpolicies"),
    ("", "resourcequotas"),
    ("", "limitranges"),
    ("", "endpoints"),
    ("discovery.k8s.io", "endpointslices"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
]
NEVER_A_TEAMS = [
    ("create", "", "pods/proxy"),
    ("get", "", "pods/proxy"),
    ("create", "", "services/proxy"),
    ("create", "", "pods/binding"),
    ("create", "", "bindings"),
    ("create", "", "serviceaccounts/token"),
    ("impersonate", "", "serviceaccounts"),
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("patch", "", "services/status"),
    ("patch", "", "pods/status"),
    ("patch", "", "namespaces"),
    ("create", "", "namespaces"),
    ("delete", "", "namespaces"),
    ("update", "", "namespaces/finalize"),
    ("get", "", "nodes"),
    ("create", "", "nodes/proxy"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "roles"),
    ("update", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("create", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("create", "certificates.k8s.io", "certificatesigningrequests"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_server(tmp_path_factory.mktemp("rbac")) as (api, _, cluster):
        deploy(cluster, fenced_plan())
        yield api


class TestTeamMember:
    @pytest.mark.parametrize(("group", "resource"), WORKLOADS)
    def test_works_with_its_workloads_and_nobody_elses(self, api: Api, group: str, resource: str) -> None:
        for verb in (*rbac.READ, *CHANGES):
            assert api.may(ANN, verb, resource, group=group), verb
            assert not api.may(ANN, verb, resource, group=group, namespace="team-y"), verb
            assert not api.may(ANN, verb, resource, group=group, namespace="istio-egress"), verb
            assert not api.may(ANN, verb, resource, group=group, namespace=None), verb
            assert not api.may(EVE, verb, resource, group=group), verb

    @pytest.mark.parametrize(("group", "resource"), PLATFORM_ONLY)
    def test_never_changes_what_decides_where_traffic_goes(self, api: Api, group: str, resource: str) -> None:
        assert not [verb for verb in CHANGES if api.may(ANN, verb, resource, group=group)]

    @pytest.mark.parametrize(("verb", "group", "resource"), NEVER_A_TEAMS)
    def test_never(self, api: Api, verb: str, group: str, resource: str) -> None:
        for person in (ANN, BEN):
            assert not api.may(person, verb, resource, group=group)
            assert not api.may(person, verb, resource, group=group, namespace=None)

    @pytest.mark.parametrize(
        ("verb", "group", "resource"),
        [
            ("create", "", "pods/exec"),
            ("create", "", "pods/attach"),
            ("create", "", "pods/portforward"),
            ("create", "", "pods/eviction"),
            ("patch", "", "pods/ephemeralcontainers"),
            ("get", "", "pods/log"),
            ("list", "", "events"),
            ("patch", "apps", "deployments/scale"),
            ("list", "networking.istio.io", "serviceentries"),
            ("list", "security.istio.io", "authorizationpolicies"),
            ("list", "networking.k8s.io", "networkpolicies"),
            ("list", "discovery.k8s.io", "endpointslices"),
        ],
    )
    def test_finds_out_what_is_wrong(self, api: Api, verb: str, group: str, resource: str) -> None:
        assert api.may(ANN, verb, resource, group=group)

    def test_deploys(self, api: Api) -> None:
        path, manifest = in_kind("Deployment", pod_template(), "shop")
        assert api.ask("POST", path, manifest, person=ANN).status == 201
        assert api.ask("POST", path, manifest, person=BEN).status == 403

    @pytest.mark.parametrize("role", [rbac.TEAM, rbac.PLATFORM, "cluster-admin"])
    def test_gives_nobody_rights(self, api: Api, role: str) -> None:
        assert bind(api, ANN, role).status == 403


def bind(api: Api, person: Person, role: str, namespace: str = "team-x"):
    manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"more-{role}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "carl@example.com"}],
    }
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings?dryRun=All"
    return api.ask("POST", path, manifest, person=person)


class TestSecurity:
    @pytest.mark.parametrize(
        ("group", "resource"), [item for item in (*WORKLOADS, *PLATFORM_ONLY) if item[1] != "secrets"]
    )
    def test_reads_everything_and_changes_nothing(self, api: Api, group: str, resource: str) -> None:
        for namespace in ("team-x", "istio-egress", None):
            assert all(api.may(SUE, verb, resource, group=group, namespace=namespace) for verb in rbac.READ)
            assert not [
                verb for verb in CHANGES if api.may(SUE, verb, resource, group=group, namespace=namespace)
            ]

    def test_reads_the_fences_and_asks_who_may_do_what(self, api: Api) -> None:
        for resource in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
            assert api.may(SUE, "list", resource, group="admissionregistration.k8s.io", namespace=None)
        assert api.may(SUE, "list", "clusterrolebindings", group="rbac.authorization.k8s.io", namespace=None)
        assert api.may(SUE, "create", "subjectaccessreviews", group="authorization.k8s.io", namespace=None)

    @pytest.mark.parametrize(
        ("verb", "resource"),
        [("get", "secrets"), ("list", "secrets"), ("create", "pods/exec"), ("get", "pods/exec"),
         ("get", "pods/proxy"), ("get", "nodes/proxy"), ("create", "serviceaccounts/token"),
         ("impersonate", "users")],
    )  # fmt: skip
    def test_reads_no_secret_and_enters_no_pod(self, api: Api, verb: str, resource: str) -> None:
        assert not api.may(SUE, verb, resource)
        assert not api.may(SUE, verb, resource, namespace=None)


class TestPlatform:
    @pytest.mark.parametrize(("group", "resource"), [*WORKLOADS, *PLATFORM_ONLY])
    def test_changes_everything(self, api: Api, group: str, resource: str) -> None:
        assert all(
            api.may(PAT, verb, resource, group=group, namespace=None) for verb in (*rbac.READ, *CHANGES)
        )

    def test_changes_policies_and_namespaces(self, api: Api) -> None:
        assert api.may(
            PAT, "update", "validatingadmissionpolicies", group="admissionregistration.k8s.io", namespace=None
        )
        assert api.may(PAT, "patch", "namespaces", namespace=None)

    @pytest.mark.parametrize(("verb", "group", "resource"), [
        ("impersonate", "", "users"), ("impersonate", "", "groups"),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ])  # fmt: skip
    def test_is_nobody_else(self, api: Api, verb: str, group: str, resource: str) -> None:
        assert not api.may(PAT, verb, resource, group=group, namespace=None)

    def test_hands_on_the_stacks_roles_but_no_more(self, api: Api) -> None:
        """So somebody of the platform can run the program, which creates these roles and bindings."""
        for role in (rbac.TEAM, rbac.SECURITY, rbac.PLATFORM):
            assert bind(api, PAT, role).status == 201, role
        assert bind(api, PAT, "cluster-admin").status == 403


class TestAggregation:
    def test_no_role_is_made_of_others_or_becomes_part_of_others(self, api: Api) -> None:
        roles = api.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles").body["items"]
        ours = [
            role for role in roles if role["metadata"]["name"] in (rbac.TEAM, rbac.SECURITY, rbac.PLATFORM)
        ]
        assert len(ours) == 3
        for role in ours:
            assert "aggregationRule" not in role
            assert not [label for label in role["metadata"]["labels"] if "aggregate" in label]

    def test_nobody_gets_a_role_of_kubernetes(self, api: Api) -> None:
        for kind in ("rolebindings", "clusterrolebindings"):
            for binding in api.ask("GET", f"/apis/rbac.authorization.k8s.io/v1/{kind}").body["items"]:
                if any(
                    subject.get("name", "").endswith("@example.com")
                    for subject in binding.get("subjects", [])
                ):
                    assert binding["roleRef"]["name"].startswith("egress-")
