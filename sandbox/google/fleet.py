"""Fleet memberships and features, which turn on the managed service mesh (gkehub.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.cluster_outputs import MEMBERSHIP
from sandbox.google.identity import enabled
from sandbox.google.kinds import Context, Kind, Problem, Reference, Values, never_changes, path, tail
from sandbox.google.network import CLUSTER

API = "gkehub.googleapis.com"
FEATURE = "gcp:gkehub/feature:Feature"
FEATURE_MEMBERSHIP = "gcp:gkehub/featureMembership:FeatureMembership"
FEATURES = (
    "anthosobservability",
    "appdevexperience",
    "clusterupgrade",
    "configmanagement",
    "fleetobservability",
    "identityservice",
    "multiclusteringress",
    "multiclusterservicediscovery",
    "namespaceactuation",
    "policycontroller",
    "rbacrolebindingactuation",
    "servicemesh",
    "workloadcertificate",
    "workloadidentity",
)
MANAGEMENT = checks.one_of("MANAGEMENT_UNSPECIFIED", "MANAGEMENT_AUTOMATIC", "MANAGEMENT_MANUAL")
FLEET_PLACE = checks.pattern(
    r"^(global|[a-z]+(-[a-z]+)+[0-9]+)$", "a fleet's things lie in `global` or in a region"
)


def _cluster_link(value: str, _values: Values) -> str:
    """`//container.googleapis.com/projects/...` or the id alone."""
    return value[value.find("projects/") :] if "projects/" in value else value


def _membership(value: str, values: Values) -> str:
    if "projects/" in value:
        return value[value.find("projects/") :]
    place = values.get("membershipLocation") or "global"
    return f"projects/{values['project']}/locations/{place}/memberships/{value}"


def _feature(value: str, values: Values) -> str:
    return f"projects/{values['project']}/locations/{values['location']}/features/{tail(value)}"


def _labels(context: Context) -> Values:
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("labels", {})}
    return {"effectiveLabels": labels, "pulumiLabels": labels}


MEMBERSHIP_KIND = Kind(
    token=MEMBERSHIP,
    schema="gkehub.Membership",
    id=path("projects/{project}/locations/{location}/memberships/{membershipId}"),
    api=API,
    autoname="",
    checks={
        "membershipId": checks.pattern(
            r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
            "a membership id is 1-63 lower-case letters, digits and dashes, and starts and ends with a "
            "letter or digit",
        ),
        "location": FLEET_PLACE,
    },
    defaults={"location": "global"},
    replaces=never_changes("membershipId", "location", "project", "endpoint", "authority.issuer"),
    references=(Reference("endpoint.gkeCluster.resourceLink", CLUSTER, _cluster_link),),
    computed=lambda context: {"name": context.id, **_labels(context)},
)


def _mesh_api(context: Context) -> Iterator[Problem]:
    if context.new.get("name") == "servicemesh" and not enabled(context, "mesh.googleapis.com"):
        yield Problem(
            "name",
            "servicemesh",
            "this feature needs the API mesh.googleapis.com, which is not enabled in "
            f"{context.project}; enable it with a projects.Service and depend on it",
            403,
        )


FEATURE_KIND = Kind(
    token=FEATURE,
    schema="gkehub.Feature",
    id=path("projects/{project}/locations/{location}/features/{name}"),
    api=API,
    checks={
        "name": checks.one_of(*FEATURES),
        "location": FLEET_PLACE,
        "fleetDefaultMemberConfig.mesh.management": MANAGEMENT,
    },
    replaces=never_changes("name", "location", "project"),
    cloud_rules=(_mesh_api,),
    computed=lambda context: {
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "deleteTime": "",
        "states": [{"states": [{"code": "OK", "description": "", "updateTime": "2026-01-01T00:00:00Z"}]}],
        "resourceStates": [{"hasResources": False, "state": "ACTIVE"}],
        **_labels(context),
    },
    # The real provider finds an existing feature and updates it.
    idempotent=True,
    cascades=lambda feature: [(FEATURE_MEMBERSHIP, f"{feature.id}/membershipId/")],
)

FEATURE_MEMBERSHIP_KIND = Kind(
    token=FEATURE_MEMBERSHIP,
    schema="gkehub.FeatureMembership",
    id=path("projects/{project}/locations/{location}/features/{feature}/membershipId/{membership}"),
    api=API,
    autoname="",
    checks={
        "location": FLEET_PLACE,
        "membershipLocation": FLEET_PLACE,
        "mesh.management": MANAGEMENT,
        "mesh.controlPlane": checks.one_of("CONTROL_PLANE_MANAGEMENT_UNSPECIFIED", "AUTOMATIC", "MANUAL"),
    },
    replaces=never_changes("feature", "location", "membership", "membershipLocation", "project"),
    kept=frozenset({"configmanagement.version", "configmanagement.management"}),
    references=(
        Reference("feature", FEATURE, _feature),
        Reference("membership", MEMBERSHIP, _membership),
    ),
    idempotent=True,
)


KINDS = (MEMBERSHIP_KIND, FEATURE_KIND, FEATURE_MEMBERSHIP_KIND)
