"""What the program registers for credentials from Secret Manager: grants on single secrets, and never a
Secret."""

from __future__ import annotations

from functools import cache

from tests.plan.test_credentials import PRINCIPAL, config
from tests.program_runner import ProgramRun, run_program

GRANT = "gcp:secretmanager/secretIamMember:SecretIamMember"
SYNC, SOURCE = (
    "kubernetes:secret-sync.gke.io/v1:SecretSync",
    "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass",
)


@cache
def run() -> ProgramRun:
    made = run_program(config())
    assert made.error is None
    return made


def test_a_gateways_account_may_read_each_of_its_secrets() -> None:
    found = {resource["name"]: resource["inputs"] for resource in run().of_type(GRANT)}
    assert sorted(found) == sorted(
        [
            *(
                f"{namespace}/reads/partner-{part}"
                for namespace in ("istio-egress", "istio-egress-own")
                for part in ("ca", "crt", "key")
            ),
            *(f"istio-ingress/reads/{secret}" for secret in ("partner-ca", "server-crt", "server-key")),
        ]
    )
    granted = found["istio-ingress/reads/server-key"]
    assert granted["secretId"] == "server-key"
    assert granted["role"] == "roles/secretmanager.secretAccessor"
    assert granted["member"] == f"{PRINCIPAL}/istio-ingress/sa/istio-ingressgateway"


def test_no_account_may_read_the_projects_secrets_as_a_whole() -> None:
    everywhere = run().of_type("gcp:projects/iAMMember:IAMMember")
    assert everywhere
    assert [resource["urn"] for resource in everywhere if "secretmanager" in resource["inputs"]["role"]] == []


def test_what_gke_is_told_are_resources_and_the_secrets_are_none() -> None:
    for token in (SYNC, SOURCE):
        assert len(run().of_type(token)) == 3
    assert run().of_type("kubernetes:core/v1:Secret") == []
    assert [
        resource["urn"]
        for resource in run().registered
        if resource["type"].startswith("gcp:secretmanager/secret:")
    ] == []
