"""Every name that the program gives in Google Cloud, in one place; those in a cluster are in names.py.

Most of them are the project's: two stacks in one project must not give the same one. So each begins with the
stack's own prefix. Without one they are those of Google's tutorial, which one stack of a project may have.
"""

from __future__ import annotations

from dataclasses import dataclass

from egress.common.names import DNS_LABEL, SERVICE_ACCOUNT_ID, digest, fit, gateway_nodes, host_label

CLUSTER_NAME = 40
"""Longest name of a GKE cluster (characters)."""
LONGEST_PREFIX = 11
"""Characters: with it `PREFIX-application-nodes` is still the id of a service account, uncut."""

OF_NODES = "sa"
"""What the accounts of nodes begin with where there is no prefix."""


def network(prefix: str) -> str:
    """The VPC network's name where the config gives none."""
    return f"{prefix}-network" if prefix else "vpc-network"


def subnet(prefix: str) -> str:
    return fit(f"{prefix}-subnet", DNS_LABEL) if prefix else "subnet-gke"


def cluster(prefix: str) -> str:
    return fit(f"{prefix}-cluster", CLUSTER_NAME) if prefix else "cluster1"


def node_account(prefix: str, kind: str) -> str:
    """Account id of the nodes of one kind: application, gateway, ingress, or a gateway of its own."""
    return fit(f"{prefix}-{kind}-nodes" if prefix else f"{OF_NODES}-{kind}-nodes", SERVICE_ACCOUNT_ID)


@dataclass(frozen=True)
class GoogleNames:
    """The names of one stack."""

    project: str
    prefix: str
    """Empty: the tutorial's names."""
    network: str
    subnet: str
    """The cluster's."""
    cluster: str

    def own(self, name: str) -> str:
        """A name that is the project's or the network's, behind the stack's prefix."""
        return fit(f"{self.prefix}-{name}", DNS_LABEL) if self.prefix else name

    @property
    def router(self) -> str:
        return self.own("nat-router")

    @property
    def nat(self) -> str:
        """The way out of the cluster's subnet."""
        return self.own("nat-config")

    @property
    def query_logging(self) -> str:
        return self.own("query-logging")

    @property
    def resolving_network(self) -> str:
        """The empty network in whose place declared names are resolved."""
        return fit(f"{self.network}-names", DNS_LABEL)

    @property
    def firewall_policy(self) -> str:
        return fit(f"{self.network}-egress", DNS_LABEL)

    @property
    def ingress_address(self) -> str:
        """The reserved address at which partners connect."""
        return self.own("ingress") if self.prefix else f"{self.cluster}-ingress"

    def remote_repository(self, registry: str) -> str:
        """The repository of Artifact Registry by which the cluster's nodes pull from a registry outside."""
        return self.own(registry) if self.prefix else f"{self.cluster}-{registry}"

    @property
    def perimeter(self) -> str:
        """Short name of the perimeter. A project is in one, and the name is the organisation's."""
        return "egress_" + "".join(letter if letter.isalnum() else "_" for letter in self.project)

    def zone(self, domain: str) -> str:
        """The private zone that lets a domain be resolved."""
        return self.own(fit(f"egress-{host_label(domain)}", DNS_LABEL))

    def google_zone(self, host: str) -> str:
        """The private zone that makes one name Google's, where its domain is not."""
        return self.own(fit(f"private-{host_label(host)}", DNS_LABEL))

    def gateway_subnet(self, gateway: str) -> str:
        """The subnet of a gateway that has addresses of its own, beside the cluster's."""
        return fit(f"{self.subnet}-{gateway_nodes(gateway)}", DNS_LABEL)

    def node_account(self, kind: str) -> str:
        return node_account(self.prefix, kind)

    def team_account(self, team: str, service_account: str) -> str:
        """Account id (6 to 30 characters) for a team's Kubernetes service account.

        The hash is always there: `a-b` of team `c` and `a` of team `b-c` would read the same without it. The
        network is in it, so no other stack of the project gives the same id: the project has one network of a
        name.
        """
        tail = digest(f"{self.network}/{team}/{service_account}", 6)
        parts = filter(None, (self.prefix, service_account, team))
        head = "-".join(parts)[: SERVICE_ACCOUNT_ID - 7].rstrip("-.").replace(".", "-")
        return f"{head if head[0].isalpha() else 'sa' + head[: SERVICE_ACCOUNT_ID - 9]}-{tail}"

    def bucket(self, key: str) -> str:
        """Bucket names are global, so they carry the project's id, as in the tutorial (63 characters at
        most)."""
        project = self.project.replace(":", "-").replace(".", "-")
        return fit("-".join(filter(None, (project, self.prefix, key))), DNS_LABEL)
