"""An application of one team: deployed into the team's namespace, told which hosts it may reach - all from
the platform's output `egress`. Nothing of the platform's code is needed but the one file
gke_mesh_egress_contract.py."""

import pulumi
import pulumi_kubernetes as kubernetes
from gke_mesh_egress_contract import OUTPUT, Contract, ContractError, Team, parse

config = pulumi.Config()
platform = pulumi.StackReference(config.require("platform"))


def read(output: object) -> tuple[Contract, Team]:
    """The contract and the team in it; what is wrong stops the update before anything is deployed."""
    try:
        contract = parse(output)
        return contract, contract.team(config.require("team"))
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None


both = platform.get_output(OUTPUT).apply(read)
contract = both.apply(lambda both: both[0])
team = both.apply(lambda both: both[1])
namespace = team.apply(lambda team: team.namespace)
cluster = kubernetes.Provider(
    "cluster", kubeconfig=contract.apply(lambda contract: contract.cluster.kubeconfig())
)
in_cluster = pulumi.ResourceOptions(provider=cluster)
labels = {"app": "shop", "version": "v1"}

allowed = kubernetes.core.v1.ConfigMap(
    "allowed-hosts",
    metadata={"name": "allowed-hosts", "namespace": namespace},
    data={"hosts": team.apply(lambda team: "\n".join(team.hosts))},
    opts=in_cluster,
)

kubernetes.apps.v1.Deployment(
    "shop",
    metadata={"name": "shop", "namespace": namespace, "labels": labels},
    spec={
        "selector": {"match_labels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                # What Pod Security and the platform's admission policies ask of every pod in a team's
                # namespace.
                "security_context": {
                    "run_as_user": 1000,
                    "run_as_group": 1000,
                    "run_as_non_root": True,
                    "seccomp_profile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "shop",
                        "security_context": {
                            "allow_privilege_escalation": False,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "image": "gcr.io/google-samples/hello-app:1.0",
                        "env_from": [{"config_map_ref": {"name": allowed.metadata["name"]}}],
                    }
                ],
            },
        },
    },
    opts=in_cluster,
)

pulumi.export("namespace", namespace)
pulumi.export("allowedHosts", allowed.data["hosts"])
