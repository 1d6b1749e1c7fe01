"""What two configs make of Google Cloud and of the mesh's own programs, in no object that is compared."""

from __future__ import annotations

from collections.abc import Iterator

from egress.answers.diff.facts import Fact, another, more_or_less
from egress.answers.words import Aspect, listing
from egress.judge.model.ip_ranges import Ranges
from egress.layers.google import service_perimeter
from egress.plan.model import Plan
from egress.settings.cluster import ControlPlaneAccess
from egress.settings.firewall import Form
from egress.settings.mesh import Flavor
from egress.settings.writers import Writers


def facts(old: Plan, new: Plan) -> Iterator[Fact]:
    """Where all of it is, who may talk to the control plane, and what guards it."""
    yield from _place(old, new)
    yield from _control_plane(*(plan.settings.cluster.control_plane for plan in (old, new)))
    yield from _perimeter(old, new)
    yield from _protection(old, new)
    yield from _writers(*(plan.settings.fences.writers for plan in (old, new)))
    yield from _images(old, new)
    yield from _credentials(old, new)


def _place(old: Plan, new: Plan) -> Iterator[Fact]:
    before, after = (_places(plan) for plan in (old, new))
    for target in sorted(before.keys() & after.keys()):
        yield from another(Aspect.OTHER_PLACE, "", target, before[target], after[target])
    groups = [plan.settings.cluster.security_group or "none" for plan in (old, new)]
    target = "the group in which GKE looks for people's groups"
    yield from another(Aspect.OTHER_IDENTITY, "", target, *groups)
    numbers = [plan.settings.project_number or "none" for plan in (old, new)]
    target = "the number of the project whose gateways' accounts IAM knows"
    yield from another(Aspect.OTHER_IDENTITY, "", target, *numbers)


def _places(plan: Plan) -> dict[str, str]:
    network = plan.settings.network
    found = {
        "the project": plan.project,
        "the region": plan.settings.region,
        "the VPC network": network.name,
        "the beginning of names in Google Cloud": plan.settings.google_names.prefix or "none",
        "the mesh's control plane": "istiod in the cluster"
        if plan.settings.mesh.flavor is Flavor.ISTIO
        else "Google's",
        "the range of nodes": str(network.subnet.nodes),
        "the range of pods": str(network.subnet.pods),
        "the range of Services": str(network.subnet.services),
        "the range of the control plane": str(network.control_plane),
    }
    for gateway in plan.gateways:
        if own := gateway.subnet:
            found |= {f"the range of nodes of gateway {gateway.name}": own.nodes}
            found |= {f"the range of pods of gateway {gateway.name}": own.pods}
    return found


def _control_plane(old: ControlPlaneAccess, new: ControlPlaneAccess) -> Iterator[Fact]:
    before, after = (Ranges.of(map(str, access.authorized_networks.values())) for access in (old, new))
    ways = [
        ["by its DNS name, from anywhere, as far as IAM lets"] if access.dns_endpoint else []
        for access in (old, new)
    ]
    fewer = [f"from {cidr}" for cidr in before.minus(after).cidrs]
    more = [f"from {cidr}" for cidr in after.minus(before).cidrs]
    yield from more_or_less(Aspect.ACCESS, "", "the control plane", [*ways[0], *fewer], [*ways[1], *more])


def _perimeter(old: Plan, new: Plan) -> Iterator[Fact]:
    before, after = service_perimeter.render(old), service_perimeter.render(new)
    enforced = [one is not None and not one.dry_run for one in (before, after)]
    words = (
        "closes Google's APIs of the project to whoever is outside, and those of others to whoever is inside"
    )
    held, loose = f"A perimeter now {words}", f"No perimeter {words} any more"
    yield from _guarded("network.perimeter", held, loose, enforced[0], enforced[1])
    if before and after:
        yield from another(
            Aspect.OTHER_PERIMETER, "", "the access policy of the perimeter", before.parent, after.parent
        )
        yield from another(
            Aspect.OTHER_PERIMETER, "", "the project in the perimeter", before.project, after.project
        )
        # What is in it is closed from outside, and open from inside: neither is more than the other.
        services = [listing(service.partition(".")[0] for service in one.services) for one in (before, after)]
        yield from another(Aspect.OTHER_PERIMETER, "", "what the perimeter holds", services[0], services[1])


def _protection(old: Plan, new: Plan) -> Iterator[Fact]:
    kept, cluster = (
        "to delete network, subnet, cluster, reserved addresses, buckets and namespaces of teams",
        "to delete the cluster",
    )
    one, other = old.settings, new.settings
    yield from _guarded(
        "protect",
        f"Pulumi now refuses {kept}",
        f"Pulumi no longer refuses {kept}",
        one.protect,
        other.protect,
    )
    guarded = [settings.cluster.deletion_protection for settings in (one, other)]
    at = "cluster.deletionProtection"
    yield from _guarded(
        at, f"GKE now refuses {cluster}", f"GKE no longer refuses {cluster}", guarded[0], guarded[1]
    )
    first = [settings.network.firewall.form is Form.POLICY for settings in (one, other)]
    held = "The firewall is now asked before VPC firewall rules that somebody adds"
    loose = "VPC firewall rules that somebody adds are now asked beside the firewall's"
    yield from _guarded("network.firewall.form", held, loose, first[0], first[1])


def _writers(old: Writers | None, new: Writers | None) -> Iterator[Fact]:
    held = "Fences are now written by the pipeline's accounts alone"
    loose = "Whoever may change admission's policies may write fences by hand again"
    yield from _guarded("fences.writers", held, loose, old is not None, new is not None)
    if old and new:
        for gain, fewer, more in ((True, old, new), (False, new, old)):
            for who in sorted(_who(more) - _who(fewer)):
                yield Fact(Aspect.RIGHT, gain, "", who, "write fences")


def _who(writers: Writers) -> set[str]:
    glass = writers.break_glass.groups if writers.break_glass else []
    return {
        *(f"account {account}" for account in writers.accounts),
        *(f"group {group}, which says why," for group in glass),
    }


def _guarded(setting: str, held: str, loose: str, old: bool, new: bool) -> Iterator[Fact]:
    if old != new:
        yield Fact(Aspect.PROTECTION, old, "", setting, held, loose)


def _images(old: Plan, new: Plan) -> Iterator[Fact]:
    if not (old.in_cluster_mesh and new.in_cluster_mesh):
        return
    charts = [plan.settings.mesh.chart for plan in (old, new)]
    # What Docker Hub's images are pulled through is the stack's own, and bears the names of its place.
    hubs = [chart.hub or "Docker Hub's istio" for chart in charts]
    images = [f"{hub}, version {chart.version}" for hub, chart in zip(hubs, charts, strict=True)]
    target = "what istiod and the proxies run"
    yield from another(Aspect.OTHER_IMAGES, "", target, *images)
    yield from another(
        Aspect.OTHER_IMAGES, "", "the repository of Istio's charts", *(chart.repository for chart in charts)
    )


def _credentials(old: Plan, new: Plan) -> Iterator[Fact]:
    before, after = old.settings.credentials, new.settings.credentials
    for name in sorted(before.keys() | after.keys()):
        for part in ("certificate", "key", "authority"):
            sides = [getattr(of[name], part) if name in of else None for of in (before, after)]
            target = f"the {part} in Secret {name} beside gateways"
            yield from another(
                Aspect.OTHER_CERTIFICATE,
                "",
                target,
                *(side or "what was put there by hand" for side in sides),
            )
