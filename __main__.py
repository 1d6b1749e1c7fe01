"""Config -> plan -> components -> outputs. What is decided is in egress/, what is deployed in components/."""

import pulumi
import pulumi_gcp as gcp

from components import outputs
from components.egress_gateway import EgressGateway, EgressGatewayArgs
from components.foundation import Foundation, FoundationArgs
from components.ingress_gateway import IngressGateway, IngressGatewayArgs
from components.mesh import Mesh, MeshArgs
from components.stack_config import stack_config
from components.team import Team, TeamArgs
from egress.common.errors import ConfigError
from egress.common.objects import Owner, Part, by_owner
from egress.layers.cluster import secret_sync
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.proof.verify import prove
from egress.proof.violation import NotProven
from egress.settings import load

try:
    # 1. Config: every problem at once, before the first resource.
    plan = make_plan(load(stack_config()))
    # 2. Plan: every Kubernetes object of every layer, proven to do what the config says and nothing else.
    objects = render(plan)
    prove(plan, objects)
except (ConfigError, NotProven) as error:
    raise pulumi.RunError(str(error)) from None
settings = plan.settings

# 3. Foundation: project, network, Cloud NAT, private DNS, service accounts, firewall, cluster.
google = gcp.Provider(
    "google", project=plan.project, region=settings.region, default_labels=settings.labels or None
)
foundation = Foundation("foundation", FoundationArgs(plan), pulumi.ResourceOptions(providers=[google]))
cluster = foundation.cluster
both = pulumi.ResourceOptions(providers=[google, cluster.kubernetes])

# 4. Mesh: its control plane and its defaults.
of_mesh = by_owner(objects, Part.MESH)[Owner.mesh()]
mesh = Mesh("mesh", MeshArgs(plan, of_mesh, cluster.resource, cluster.taking_over), both)

# 5. Egress gateways: their pods, and the way to each outside host.
namespaces: dict[str, pulumi.Resource] = {}
readers = secret_sync.readers(plan)
for gateway in plan.gateways:
    owner = Owner.egress_gateway(gateway.name)
    of_gateway = [
        item
        for item in objects
        if item.owner.part in (Part.GATEWAY, Part.HOST) and item.owner.gateway == gateway.name
    ]
    may_read = [reader for reader in readers if reader.owner == owner]
    args = EgressGatewayArgs(of_gateway, cluster.resource, mesh.ready, may_read, plan.project)
    namespaces |= EgressGateway(owner.name, args, both).namespaces

# 6. Ingress gateway, where a team receives: what partners connect to.
if plan.receptions:
    of_ingress = by_owner(objects, Part.INGRESS)[Owner.ingress()]
    may_read = [reader for reader in readers if reader.owner == Owner.ingress()]
    to_ingress = IngressGatewayArgs(of_ingress, cluster.resource, mesh.ready, may_read, plan.project)
    namespaces |= IngressGateway("ingress-gateway", to_ingress, both).namespaces

# 7. Teams: namespace, fences, identities.
of_team = by_owner(objects, Part.TEAM)
for team in plan.teams:
    Team(
        team.name,
        TeamArgs(
            team,
            of_team[Owner.team(team.name)],
            cluster.resource,
            mesh.ready,
            namespaces=namespaces,
            project=plan.project,
            workload_pool=plan.workload_pool,
            region=settings.region,
            protect=settings.protect,
        ),
        both,
    )

# 8. Outputs.
outputs.export(plan, foundation)
