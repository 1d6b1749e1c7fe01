"""What no stack may do, whoever changes it: rules over the resources that a program asks for, as Google and
Kubernetes see them.

They know nothing of how this program decides, so that a mistake there is not repeated here.
"""

from egress_policies import cluster, firewall, keeping, mesh
from egress_policies.rule import UNKNOWN, Resource, Rule

RULES: tuple[Rule, ...] = (*cluster.RULES, *firewall.RULES, *mesh.RULES, *keeping.RULES)

__all__ = ["RULES", "UNKNOWN", "Resource", "Rule"]
