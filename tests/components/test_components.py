"""What holds for every resource of a kind, whatever the stack: said once, over all that the program
registers."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.common import names
from tests.program_runner import ProgramRun, run_program
from tests.support import config_with, dev_config, plan_of


@cache
def dev() -> ProgramRun:
    return run_program(dev_config())


@cache
def production() -> ProgramRun:
    """Regional, protected, restricted VIP, static addresses, IP endpoint."""
    config = dev_config()
    config["gke-mesh-egress:protect"] = True
    config["gke-mesh-egress:network"] |= {
        "googleApis": "restricted",
        "nat": {
            "addresses": {"nat-1": "partner bank"},
            "dynamicPortAllocation": True,
            "minPortsPerVm": 128,
            "maxPortsPerVm": 4096,
        },
    }
    config["gke-mesh-egress:cluster"] = {
        "controlPlane": {"dnsEndpoint": False, "authorizedNetworks": {"office": "198.51.100.0/24"}},
        "releaseChannel": "stable",
    }
    return run_program(config)


STACKS = pytest.mark.parametrize("stack", [dev, production], ids=["dev", "production"])


def one(run: ProgramRun, token: str, name: str | None = None) -> dict[str, Any]:
    (found,) = [
        resource["inputs"]
        for resource in run.of_type(token)
        if name in (None, resource["inputs"].get("name"))
    ]
    return found


@STACKS
def test_every_resource_has_an_explicit_provider(stack) -> None:
    for resource in stack().registered:
        if resource["type"].startswith(("gcp:", "kubernetes:")):
            taken_over = resource["urn"].endswith("::networklogging/default")
            in_cluster = f"::cluster-kubernetes{'-taking-over' if taken_over else ''}::"
            assert "::google::" in resource["provider"] or in_cluster in resource["provider"], resource["urn"]


@STACKS
def test_everything_goes_with_its_namespace_and_that_with_the_cluster(stack) -> None:
    """Deleted one by one, the fences of a namespace would be gone before its pods."""
    for resource in stack().registered:
        if resource["type"].startswith("kubernetes:"):
            namespace = resource["inputs"].get("metadata", {}).get("namespace")
            around = f"::namespace/{namespace}" if namespace else "gcp:container/cluster:Cluster::cluster"
            assert resource["deletedWith"].endswith(around), resource["urn"]


@STACKS
def test_every_kubernetes_provider_is_told_which_cluster_it_is(stack) -> None:
    providers = stack().of_type("pulumi:providers:kubernetes")
    assert len(providers) == 2
    assert len({provider["inputs"]["clusterIdentifier"] for provider in providers}) == 1


@STACKS
def test_no_iam_binding_takes_away_what_others_granted(stack) -> None:
    iam = {
        resource["type"]
        for resource in stack().registered
        if "gcp:" in resource["type"] and "iam" in resource["type"].lower()
    }
    assert iam == {
        "gcp:projects/iAMMember:IAMMember",
        "gcp:serviceaccount/iAMMember:IAMMember",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
    }


def test_what_cannot_be_brought_back_is_protected_unless_the_stack_relaxes_it() -> None:
    protected = {
        resource["type"].rpartition(":")[2] for resource in production().registered if resource["protect"]
    }
    assert protected == {"Network", "Subnetwork", "Address", "Cluster", "Bucket", "Namespace"}
    assert not [resource["urn"] for resource in dev().registered if resource["protect"]]


def test_apis_stay_on_when_the_stack_goes() -> None:
    services = [resource["inputs"] for resource in dev().of_type("gcp:projects/service:Service")]
    assert services
    assert all(service["disableOnDestroy"] is False for service in services)


def test_node_accounts_hold_two_narrow_roles_each() -> None:
    granted = sorted(
        resource["inputs"]["role"] for resource in dev().of_type("gcp:projects/iAMMember:IAMMember")
    )
    assert (
        granted == ["roles/artifactregistry.reader"] * 2 + ["roles/container.defaultNodeServiceAccount"] * 2
    )


class TestCluster:
    @STACKS
    def test_nodes_have_no_address_of_their_own(self, stack) -> None:
        cluster = one(stack(), "gcp:container/cluster:Cluster")
        assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
        assert cluster["privateClusterConfig"]["masterIpv4CidrBlock"] == "10.5.0.0/28"
        assert cluster["datapathProvider"] == "ADVANCED_DATAPATH"
        assert cluster["workloadIdentityConfig"] == {"workloadPool": "sandbox-project.svc.id.goog"}

    @STACKS
    def test_pods_ask_kube_dns_whatever_google_makes_the_default(self, stack) -> None:
        assert one(stack(), "gcp:container/cluster:Cluster")["dnsConfig"] == {"clusterDns": "KUBE_DNS"}

    @STACKS
    def test_a_node_pool_that_goes_keeps_to_the_budgets_of_pods_unless_the_cluster_goes(self, stack) -> None:
        pools = stack().of_type("gcp:container/nodePool:NodePool")
        assert len(pools) == 2
        for pool in pools:
            # With lengths of time Google refuses the pool in most projects.
            assert pool["inputs"]["nodeDrainConfigs"] == [{"respectPdbDuringNodePoolDeletion": True}]
            assert pool["deletedWith"].endswith("gcp:container/cluster:Cluster::cluster"), pool["urn"]

    def test_without_authorized_networks_there_is_no_public_endpoint(self) -> None:
        cluster = one(dev(), "gcp:container/cluster:Cluster")
        assert cluster["privateClusterConfig"]["enablePrivateEndpoint"] is True
        assert cluster["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["allowExternalTraffic"] is True

    def test_authorized_networks_open_the_ip_endpoint_for_themselves(self) -> None:
        cluster = one(production(), "gcp:container/cluster:Cluster")
        assert cluster["location"] == "europe-west1"
        assert cluster["privateClusterConfig"]["enablePrivateEndpoint"] is False
        assert cluster["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [
            {"displayName": "office", "cidrBlock": "198.51.100.0/24"}
        ]
        assert production().outputs["clusterEndpoint"] == "https://192.0.2.10"

    def test_gateway_nodes_repel_everything_but_gateways(self) -> None:
        pool = one(dev(), "gcp:container/nodePool:NodePool", "gateway")
        assert pool["nodeConfig"]["taints"] == [
            {"key": "dedicated", "value": "gateway", "effect": "NO_SCHEDULE"}
        ]

    def test_application_nodes_have_no_taint(self) -> None:
        assert "taints" not in one(dev(), "gcp:container/nodePool:NodePool", "default-pool")["nodeConfig"]

    @STACKS
    def test_every_pool_is_shielded_and_hides_the_nodes_credentials(self, stack) -> None:
        for pool in stack().of_type("gcp:container/nodePool:NodePool"):
            config = pool["inputs"]["nodeConfig"]
            assert config["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
            assert config["shieldedInstanceConfig"]["enableSecureBoot"] is True

    @STACKS
    def test_the_node_that_a_cluster_is_born_with_is_shielded_as_well(self, stack) -> None:
        """It lives for minutes; without secure boot an organization may refuse the whole cluster."""
        (cluster,) = stack().of_type("gcp:container/cluster:Cluster")
        assert cluster["inputs"]["nodeConfig"]["shieldedInstanceConfig"]["enableSecureBoot"] is True

    def test_the_kubeconfig_holds_no_credential(self) -> None:
        providers = dev().of_type("pulumi:providers:kubernetes")
        (kubeconfig,) = {provider["inputs"]["kubeconfig"] for provider in providers}
        assert "gke-gcloud-auth-plugin" in kubeconfig
        assert "token" not in kubeconfig.lower().replace("asks", "")

    def test_the_fences_stand_before_nodes_exist(self) -> None:
        (cluster,) = dev().of_type("gke-mesh-egress:cluster:Cluster")
        needed = {urn.rpartition("::")[2] for urn in cluster["dependencies"]}
        assert {
            f"firewall-{rule}" for rule in ("global-deny-egress-all", "gateway-allow-egress-web")
        } <= needed
        assert "nat-config" in needed


class TestNetwork:
    @STACKS
    def test_the_subnet_reaches_google_apis_privately_and_logs_its_flows(self, stack) -> None:
        subnet = one(stack(), "gcp:compute/subnetwork:Subnetwork")
        assert subnet["privateIpGoogleAccess"] is True
        assert subnet["logConfig"]["aggregationInterval"] == "INTERVAL_5_SEC"

    @STACKS
    def test_a_firewall_rule_targets_accounts_and_never_tags(self, stack) -> None:
        for rule in stack().of_type("gcp:compute/firewall:Firewall"):
            assert "targetTags" not in rule["inputs"]
            if not rule["inputs"]["name"].startswith("global-deny-egress-all"):
                assert rule["inputs"]["targetServiceAccounts"]


class TestMesh:
    def test_istios_kinds_wait_for_its_charts(self) -> None:
        istio = [r for r in dev().registered if ".istio.io/" in r["type"]]
        assert istio
        for resource in istio:
            assert any(urn.endswith("::istio-istiod") for urn in resource["dependencies"]), resource["urn"]

    def test_pods_that_need_a_proxy_wait_for_the_injector(self) -> None:
        for resource in dev().of_type("kubernetes:apps/v1:Deployment"):
            assert any(urn.endswith("::istio-istiod") for urn in resource["dependencies"]), resource["urn"]

    def test_istiod_refuses_what_is_not_registered(self) -> None:
        (istiod,) = [r for r in dev().of_type("kubernetes:helm.sh/v3:Release") if r["name"] == "istio-istiod"]
        assert istiod["inputs"]["values"]["meshConfig"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}

    def test_a_chart_may_come_from_an_oci_registry(self) -> None:
        istio = {"version": "1.30.8", "repository": "oci://mirror.example.com/istio"}
        run = run_program(config_with("mesh", {"flavor": "istio", "istio": istio}))
        charts = {r["inputs"]["chart"] for r in run.of_type("kubernetes:helm.sh/v3:Release")}
        assert charts == {f"oci://mirror.example.com/istio/{chart}" for chart in ("base", "cni", "istiod")}

    def test_the_managed_mesh_is_a_fleet_feature(self) -> None:
        run = run_program(config_with("mesh", {"flavor": "cloud-service-mesh"}))
        membership = one(run, "gcp:gkehub/featureMembership:FeatureMembership")
        assert membership["mesh"] == {"management": "MANAGEMENT_AUTOMATIC"}
        assert membership["membership"] == "cluster1"
        assert one(run, "gcp:container/cluster:Cluster")["fleet"] == {"project": "sandbox-project"}


class TestTeams:
    def test_a_teams_service_account_acts_as_its_own_google_account_only(self) -> None:
        (binding,) = dev().of_type("gcp:serviceaccount/iAMMember:IAMMember")
        assert binding["inputs"]["role"] == "roles/iam.workloadIdentityUser"
        assert binding["inputs"]["member"] == "serviceAccount:sandbox-project.svc.id.goog[team-x/test]"

    def test_a_bucket_cannot_become_public(self) -> None:
        bucket = one(dev(), "gcp:storage/bucket:Bucket")
        assert (bucket["publicAccessPrevention"], bucket["uniformBucketLevelAccess"]) == ("enforced", True)

    def test_an_existing_bucket_is_granted_and_not_made(self) -> None:
        accounts = {
            "test": {"buckets": {"company-data": {"role": "roles/storage.objectViewer", "existing": True}}}
        }
        run = run_program(config_with("teams/team-x/googleApis/serviceAccounts", accounts))
        assert run.of_type("gcp:storage/bucket:Bucket") == []
        assert one(run, "gcp:storage/bucketIAMMember:BucketIAMMember")["bucket"] == "company-data"


class TestPeople:
    GROUPS = {"groups": {"platform": ["platform@example.com"]}}

    def test_the_cluster_knows_the_group_of_groups(self) -> None:
        config = config_with("fences", self.GROUPS)
        config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
        cluster = one(run_program(config), "gcp:container/cluster:Cluster")
        assert cluster["authenticatorGroupsConfig"] == {"securityGroup": "gke-security-groups@example.com"}

    def test_groups_that_the_cluster_would_not_know_are_refused(self) -> None:
        refused = run_program(config_with("fences", self.GROUPS))
        assert refused.error is not None
        assert "securityGroup" in refused.error


class TestGoogleApis:
    def test_each_role_is_given_to_the_teams_account_on_one_resource(self) -> None:
        account = {
            "topics": {"orders": "roles/pubsub.publisher"},
            "subscriptions": {"orders-sub": {"role": "roles/pubsub.subscriber", "project": "other-project"}},
            "secrets": {"api-key": "roles/secretmanager.secretAccessor"},
            "datasets": {"sales": "roles/bigquery.dataViewer"},
            "projectRoles": {"roles/bigquery.jobUser": "queries belong to the project"},
        }
        run = run_program(config_with("teams/team-x/googleApis/serviceAccounts/test", account))
        google = plan_of(dev_config()).settings.google_names
        found = {
            resource["type"].rpartition(":")[2]: resource["inputs"]
            for resource in run.registered
            if resource["name"].startswith("team-x/test/") and resource["type"].endswith("Member")
        }
        email = names.service_account_email(google.team_account("team-x", "test"), "sandbox-project")
        member = {"member": f"serviceAccount:{email}"}
        own, other = {"project": "sandbox-project"}, {"project": "other-project"}
        assert found["TopicIAMMember"] == {
            "topic": "orders",
            "role": "roles/pubsub.publisher",
            **own,
            **member,
        }
        assert found["SubscriptionIAMMember"] == {
            "subscription": "orders-sub",
            "role": "roles/pubsub.subscriber",
            **other,
            **member,
        }
        assert found["SecretIamMember"] == {
            "secretId": "api-key",
            "role": "roles/secretmanager.secretAccessor",
            **own,
            **member,
        }
        assert found["DatasetIamMember"] == {
            "datasetId": "sales",
            "role": "roles/bigquery.dataViewer",
            **own,
            **member,
        }
        assert found["IAMMember"]["role"] in ("roles/bigquery.jobUser", "roles/iam.workloadIdentityUser")
        assert [
            resource["inputs"]
            for resource in run.registered
            if resource["name"].startswith("team-x/test/project/")
        ] == [{"role": "roles/bigquery.jobUser", **own, **member}]
        services = {resource["inputs"]["service"] for resource in run.of_type("gcp:projects/service:Service")}
        assert {
            "pubsub.googleapis.com",
            "secretmanager.googleapis.com",
            "bigquery.googleapis.com",
        } - services == set()

    def test_an_account_is_made_after_the_apis_are_on(self) -> None:
        """The cluster waits for them, and the account for the cluster."""
        (account,) = [resource for resource in dev().registered if resource["name"] == "team-x/test/account"]
        assert any(urn.endswith("gcp:container/cluster:Cluster::cluster") for urn in account["dependencies"])
