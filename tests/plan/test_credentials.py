"""Credentials of gateways from Secret Manager: what GKE is told to copy, who may read it, and what a config
may not say."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.common.errors import ConfigError
from egress.common.objects import Manifest
from egress.layers.cluster import secret_sync
from egress.layers.render import render
from tests.sandbox.google_engine import refused, sandbox
from tests.support import PROJECT, ROOT, config_with, plan_of

NUMBER = "987654321012"
PRINCIPAL = (
    f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/"
    f"workloadIdentityPools/{PROJECT}.svc.id.goog/subject/ns"
)
PARTNER = {"certificate": "partner-crt/3", "key": "partner-key/3", "authority": "partner-ca/1"}
OWN = "gke-mesh-egress:"


def config(**changes: Any) -> dict[str, Any]:
    """Two teams show one partner the same credential, one of them by a gateway of its own; and something is
    received."""
    made = config_with("teams", {})
    bank = {"clearing.bank.example": {"http": {"upgrade": "mtls", "credential": "partner"}}}
    received = {
        "host": "orders.fqdn.example",
        "port": 13306,
        "to": {"service": "mysql", "port": 3306},
        "credential": "server",
        "clients": {"client": "client.partner.example"},
    }
    made[f"{OWN}cluster"]["secretSync"] = True
    made |= {
        f"{OWN}projectNumber": NUMBER,
        f"{OWN}gateways": {"own": {}},
        f"{OWN}ingress": {"sourceRanges": {"partner": "198.51.100.16/28"}},
        f"{OWN}credentials": {
            "partner": dict(PARTNER),
            "server": {"certificate": "server-crt/1", "key": "server-key/1", "authority": "partner-ca/1"},
        },
        f"{OWN}teams": {
            "payments": {"egress": copy.deepcopy(bank), "receives": {"orders": received}},
            "billing": {"egress": copy.deepcopy(bank), "gateway": "own"},
        },
    }
    return made | {f"{OWN}{key}": value for key, value in changes.items()}


def rendered(made: dict[str, Any], kind: str) -> dict[tuple[str | None, str], Manifest]:
    return {(item.namespace, item.name): item.manifest for item in render(plan_of(made)) if item.kind == kind}


EVERY = [("istio-egress", "partner"), ("istio-egress-own", "partner"), ("istio-ingress", "server")]


class TestCopies:
    def test_each_gateway_that_names_a_credential_gets_a_copy_of_its_own(self) -> None:
        assert sorted(rendered(config(), "SecretSync")) == EVERY
        assert sorted(rendered(config(), "SecretProviderClass")) == EVERY

    def test_gke_reads_exactly_the_versions_that_the_config_says(self) -> None:
        spec = rendered(config(), "SecretProviderClass")["istio-egress", "partner"]["spec"]
        assert spec["provider"] == "gke"
        assert yaml.safe_load(spec["parameters"]["secrets"]) == [
            {"resourceName": f"projects/{PROJECT}/secrets/partner-crt/versions/3", "path": "tls.crt"},
            {"resourceName": f"projects/{PROJECT}/secrets/partner-key/versions/3", "path": "tls.key"},
            {"resourceName": f"projects/{PROJECT}/secrets/partner-ca/versions/1", "path": "ca.crt"},
        ]

    def test_the_copy_has_the_name_and_the_keys_that_istio_reads_and_is_made_as_the_gateways_account(
        self,
    ) -> None:
        for (namespace, name), made in rendered(config(), "SecretSync").items():
            account = "istio-ingressgateway" if namespace == "istio-ingress" else "istio-egressgateway"
            assert made["spec"]["serviceAccountName"] == account
            assert made["spec"]["secretProviderClassName"] == name
            keys = [(data["sourcePath"], data["targetKey"]) for data in made["spec"]["secretObject"]["data"]]
            assert keys == [("tls.crt", "tls.crt"), ("tls.key", "tls.key"), ("ca.crt", "ca.crt")]
            assert any(
                item.identity == f"{namespace}/serviceaccount/{account}" for item in render(plan_of(config()))
            )

    def test_an_authority_alone_is_a_copy_without_a_key(self) -> None:
        made = config(credentials={"intranet": {"authority": "intranet-ca/2"}})
        made[f"{OWN}teams"] = {
            "payments": {"egress": {"wiki.example": {"http": {"upgrade": "tls", "ca": "intranet"}}}}
        }
        (sync,) = rendered(made, "SecretSync").values()
        assert [data["targetKey"] for data in sync["spec"]["secretObject"]["data"]] == ["ca.crt"]

    def test_a_rotation_changes_one_object_per_gateway_and_nothing_else(self) -> None:
        newer = config()
        newer[f"{OWN}credentials"]["partner"] |= {"certificate": "partner-crt/4", "key": "partner-key/4"}
        before, after = (
            {item.identity: item.manifest for item in render(plan_of(made))} for made in (config(), newer)
        )
        assert sorted(
            identity for identity in before | after if before.get(identity) != after.get(identity)
        ) == [
            "istio-egress-own/secretproviderclass/partner",
            "istio-egress/secretproviderclass/partner",
        ]

    def test_a_credential_that_is_not_listed_is_a_secret_that_is_there_already(self) -> None:
        made = config()
        del made[f"{OWN}credentials"]["server"]
        assert sorted(rendered(made, "SecretSync")) == EVERY[:2]
        none = config()
        for key in ("credentials", "projectNumber"):
            del none[f"{OWN}{key}"]
        none[f"{OWN}cluster"]["secretSync"] = False
        assert rendered(none, "SecretSync") == {}
        assert secret_sync.readers(plan_of(none)) == []


class TestReaders:
    def test_each_gateways_account_may_read_its_own_secrets_and_no_others(self) -> None:
        found = sorted((reader.member, reader.secret) for reader in secret_sync.readers(plan_of(config())))
        assert found == [
            *(
                (f"{PRINCIPAL}/istio-egress-own/sa/istio-egressgateway", f"partner-{part}")
                for part in ("ca", "crt", "key")
            ),
            *(
                (f"{PRINCIPAL}/istio-egress/sa/istio-egressgateway", f"partner-{part}")
                for part in ("ca", "crt", "key")
            ),
            *(
                (f"{PRINCIPAL}/istio-ingress/sa/istio-ingressgateway", name)
                for name in ("partner-ca", "server-crt", "server-key")
            ),
        ]

    def test_a_secret_that_two_credentials_of_a_gateway_share_is_granted_once(self) -> None:
        made = config()
        made[f"{OWN}credentials"]["second"] = {
            **PARTNER,
            "certificate": "second-crt/1",
            "key": "second-key/1",
        }
        made[f"{OWN}teams"]["payments"]["egress"]["other.bank.example"] = {
            "http": {"upgrade": "mtls", "credential": "second"}
        }
        found = [
            reader.secret
            for reader in secret_sync.readers(plan_of(made))
            if reader.namespace == "istio-egress"
        ]
        assert sorted(found) == ["partner-ca", "partner-crt", "partner-key", "second-crt", "second-key"]


REFUSED: list[tuple[str, dict[str, Any], str, str, str]] = [
    # name, changes, path, words of the consequence, words of the fix
    (
        "a version that moves",
        {"credentials": {"partner": {**PARTNER, "key": "partner-key/latest"}}},
        "credentials.partner.key",
        "no preview would show a rotation",
        "partner-key/1",
    ),
    (
        "a secret without a version",
        {"credentials": {"partner": {**PARTNER, "key": "partner-key"}}},
        "credentials.partner.key",
        "does not name a version",
        "SECRET/VERSION",
    ),
    (
        "a secret by its path",
        {"credentials": {"partner": {**PARTNER, "key": "projects/p/secrets/partner-key/versions/1"}}},
        "credentials.partner.key",
        "does not name a version",
        "without a path",
    ),
    (
        "a key itself",
        {"credentials": {"partner": {**PARTNER, "key": "-----BEGIN PRIVATE KEY-----\nMIIE/AB"}}},
        "credentials.partner.key",
        "does not name a version",
        "without the content",
    ),
    (
        "a certificate without its key",
        {"credentials": {"partner": {"certificate": "partner-crt/3", "authority": "partner-ca/1"}}},
        "credentials.partner.key",
        "only together",
        "Add key: SECRET/VERSION",
    ),
    (
        "nothing at all",
        {"credentials": {"partner": {}}},
        "credentials.partner",
        "would be empty",
        "certificate, key and authority",
    ),
    (
        "a credential without the other side's authority",
        {"credentials": {"partner": {"certificate": "partner-crt/3", "key": "partner-key/3"}}},
        'teams.billing.egress["clearing.bank.example"].http.credential',
        "does not set authority",
        "authority: SECRET/VERSION",
    ),
    (
        "a credential that nobody names",
        {"credentials": {"old": PARTNER}},
        "credentials.old",
        "no gateway's namespace would hold its key",
        "remove this entry",
    ),
    (
        "no number of the project",
        {"projectNumber": None},
        "projectNumber",
        "by the project's number",
        "gcloud projects describe",
    ),
    (
        "the project's id for its number",
        {"projectNumber": PROJECT},
        "projectNumber",
        "identifies it by a number",
        "in quotes",
    ),
    (
        "a cluster that copies nothing",
        {"cluster": {"secretSync": False}},
        "cluster.secretSync",
        "Nothing in the cluster",
        "true",
    ),
]


@pytest.mark.parametrize(
    ("changes", "path", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused(changes: dict[str, Any], path: str, consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(config(**changes))
    problem = next(problem for problem in caught.value.problems if problem.path == f"{OWN}{path}")
    assert consequence in problem.consequence
    assert fix in problem.fix


def test_a_key_that_was_pasted_is_not_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "A" * 400
    with pytest.raises(ConfigError) as caught:
        plan_of(config(credentials={"partner": {**PARTNER, "key": key}}))
    assert "credentials.partner.key = (a PEM file, not shown)" in str(caught.value)
    assert "AAA" not in str(caught.value)


def test_two_numbers_for_one_project_are_refused() -> None:
    made = config()
    made[f"{OWN}network"]["perimeter"] = {
        "accessPolicy": "123456",
        "projectNumber": "111111111111",
        "dryRun": True,
    }
    with pytest.raises(ConfigError, match="a project has one number") as caught:
        plan_of(made)
    assert [problem.path for problem in caught.value.problems] == [f"{OWN}projectNumber"]


def test_all_is_well_without_any_of_this() -> None:
    assert len(plan_of(config()).teams) == 2


# The sandbox's stand-ins


def test_a_principal_of_the_workload_pool_needs_a_cluster_first(tmp_path: Path) -> None:
    token = "gcp:secretmanager/secretIamMember:SecretIamMember"
    inputs = {
        "secretId": "key",
        "role": "roles/secretmanager.secretAccessor",
        "member": f"{PRINCIPAL}/istio-egress/sa/gateway",
    }
    with sandbox(tmp_path) as engine:
        engine.enable("secretmanager")
        refused(lambda: engine.create(token, inputs), f"Identity Pool does not exist ({PROJECT}.svc.id.goog)")


def test_the_modes_own_example_is_what_the_documents_say() -> None:
    made = yaml.safe_load((ROOT / "examples/modes/Pulumi.secret-manager.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    assert sorted(rendered(made, "SecretSync")) == [
        ("istio-egress", "intranet-ca"),
        ("istio-egress", "partner-client"),
        ("istio-ingress", "mysql-credential"),
    ]
