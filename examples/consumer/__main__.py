"""An application of one team: deployed into the team's namespace, told which hosts it may reach - all from `egress`, the
platform stack's versioned output. Nothing of the platform's code is needed, only its contract."""

import json

import pulumi
import pulumi_kubernetes as kubernetes

CONTRACT = 1

config = pulumi.Config()
team = config.require("team")
platform = pulumi.StackReference(config.require("platform"))


def understood(contract: dict) -> dict:
    """The platform's contract, if it is the version that this program was written for."""
    if contract["contract"] != CONTRACT:
        raise pulumi.RunError(
            f"The platform speaks contract {contract['contract']}, this program {CONTRACT}: read the platform's "
            "CHANGELOG, adapt this program, and raise CONTRACT."
        )
    if team not in contract["teams"]:
        known = ", ".join(sorted(contract["teams"]))
        raise pulumi.RunError(f"The platform knows no team {team!r}; it knows {known}.")
    return contract


def kubeconfig(cluster: dict) -> str:
    """A kubeconfig (JSON, which is YAML) that asks Google for a token at each use."""
    by_name = cluster["endpoint"].endswith(".gke.goog")
    trust = {} if by_name else {"certificate-authority-data": cluster["caCertificate"]}
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "gke-gcloud-auth-plugin",
        "provideClusterInfo": True,
        "interactiveMode": "Never",
    }
    name = cluster["name"]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": cluster["endpoint"], **trust}}],
            "users": [{"name": name, "user": {"exec": plugin}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


contract = platform.require_output("egress").apply(understood)
of_team = contract.apply(lambda contract: contract["teams"][team])
cluster = kubernetes.Provider("cluster", kubeconfig=contract.apply(lambda contract: kubeconfig(contract["cluster"])))
in_cluster = pulumi.ResourceOptions(provider=cluster)
labels = {"app": "shop", "version": "v1"}

allowed = kubernetes.core.v1.ConfigMap(
    "allowed-hosts",
    metadata={"name": "allowed-hosts", "namespace": of_team["namespace"]},
    data={"hosts": of_team["egress"].apply(lambda ways: "\n".join(sorted({way["host"] for way in ways})))},
    opts=in_cluster,
)

kubernetes.apps.v1.Deployment(
    "shop",
    metadata={"name": "shop", "namespace": of_team["namespace"], "labels": labels},
    spec={
        "selector": {"match_labels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                # What the platform's admission policies ask of every pod in a team's namespace.
                "security_context": {"run_as_user": 1000, "run_as_group": 1000, "run_as_non_root": True},
                "containers": [
                    {
                        "name": "shop",
                        "security_context": {"allow_privilege_escalation": False, "capabilities": {"drop": ["ALL"]}},
                        "image": "gcr.io/google-samples/hello-app:1.0",
                        "env_from": [{"config_map_ref": {"name": allowed.metadata["name"]}}],
                    }
                ],
            },
        },
    },
    opts=in_cluster,
)

pulumi.export("namespace", of_team["namespace"])
pulumi.export("allowedHosts", allowed.data["hosts"])
