"""Which kubeconfigs the stand-in for the kubernetes provider takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.kubernetes import kubeconfig
from tests.sandbox.kubeconfigs import CERTIFICATE, SERVER, config


def test_the_current_context_is_the_target() -> None:
    assert kubeconfig.parse(json.dumps(config())) == kubeconfig.Target(SERVER, CERTIFICATE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"current-context": "other"}, "no context named 'other'"),
        ({"clusters": []}, "no cluster named 'gke'"),
        ({"users": [{"name": "me", "user": {"token": "secret"}}]}, "not the exec plugin"),
        (
            {"clusters": [{"name": "gke", "cluster": {"server": "http://10.0.0.1"}}]},
            "no https:// address",
        ),
        (
            {"clusters": [{"name": "gke", "cluster": {"server": SERVER, "insecure-skip-tls-verify": True}}]},
            "insecure-skip-tls-verify",
        ),
        (
            {
                "clusters": [
                    {"name": "gke", "cluster": {"server": SERVER, "certificate-authority-data": "bm8="}}
                ]
            },
            "not a PEM certificate",
        ),
    ],
)
def test_what_could_not_work_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(kubeconfig.KubeconfigError, match=says):
        kubeconfig.parse(json.dumps(config() | change))


def test_an_older_plugin_protocol_is_refused() -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": kubeconfig.PLUGIN}
    with pytest.raises(kubeconfig.KubeconfigError, match="v1beta1 only"):
        kubeconfig.parse(json.dumps(config(exec=plugin)))


@pytest.mark.parametrize("text", ["- a list", "{unclosed", "/home/me/.kube/config"])
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    with pytest.raises(kubeconfig.KubeconfigError):
        kubeconfig.parse(text)


def test_any_other_cluster_is_refused() -> None:
    with pytest.raises(kubeconfig.KubeconfigError, match="talks to no other cluster"):
        kubeconfig.require_sandbox(kubeconfig.Target("https://34.1.2.3", None), SERVER)
