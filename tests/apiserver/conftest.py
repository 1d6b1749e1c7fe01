"""One API server with the stack's fences for all tests of admission."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import injector
from tests.apiserver.people import Api, api_server, deploy, fenced_plan
from tests.apiserver.stage import EXEMPTIONS, hand_given_rights, wait_for_policies


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Cluster]]:
    root = tmp_path_factory.mktemp("admission")
    with api_server(root) as (api, server, cluster):
        deploy(cluster, fenced_plan(exemptions=EXEMPTIONS))
        for manifest in hand_given_rights():
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/team-x/{manifest['kind'].lower()}s"
            assert api.ask("POST", path, manifest).status == 201
        certificates = server.kubeconfig.parent / "certificates"
        with injector.serving(
            certificates / "apiserver.crt", certificates / "apiserver.key", server.ca_pem
        ) as webhook:
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            assert api.ask("POST", path, webhook).status == 201
            wait_for_policies(api)
            yield api, cluster
