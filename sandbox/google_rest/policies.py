"""IAM policies. A policy is the members that the cloud knows one by one, as the provider makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.google.cloud import Resource
from sandbox.google.grants import KINDS as GRANTS
from sandbox.google.identity import ACCOUNT_MEMBER, PROJECT_MEMBER, member_id
from sandbox.google.kinds import Kind, tail
from sandbox.google.storage import BUCKET_MEMBER
from sandbox.google.table import KINDS
from sandbox.google_rest import generic, refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import Row, fingerprint, place
from sandbox.google_rest.world import Request, World

_NO_POLICY = "ACAB"
_GRANTS = {kind.schema: kind for kind in GRANTS}


@dataclass(frozen=True)
class Holder:
    """What has a policy: the row of its members, and the field in which a member names it."""

    kind: Kind
    field: str
    whole_name: bool = False

    def value(self, name: str) -> str:
        return name if self.whole_name else tail(name)


HOLDERS: Final[dict[str, Holder]] = {
    "cloudresourcemanager.projects": Holder(KINDS[PROJECT_MEMBER], "project"),
    "iam.projects.serviceAccounts": Holder(KINDS[ACCOUNT_MEMBER], "serviceAccountId", whole_name=True),
    "storage.buckets": Holder(KINDS[BUCKET_MEMBER], "bucket"),
    "pubsub.projects.topics": Holder(_GRANTS["pubsub.TopicIAMMember"], "topic"),
    "pubsub.projects.subscriptions": Holder(_GRANTS["pubsub.SubscriptionIAMMember"], "subscription"),
    "secretmanager.projects.secrets": Holder(_GRANTS["secretmanager.SecretIamMember"], "secretId"),
}
DATASETS: Final = Holder(_GRANTS["bigquery.DatasetIamMember"], "datasetId")


def get(world: World, request: Request) -> Json:
    """The policy of a resource."""
    holder, name = _holder(world, request)
    return _policy(world, holder, name)


def set_(world: World, request: Request) -> Json:
    """Another policy in the place of the one before. Refused when that was changed meanwhile."""
    holder, name = _holder(world, request)
    given = request.body.get("policy", {}) if request.method.takes == "SetIamPolicyRequest" else request.body
    with world.store.cloud.locked():
        before = _policy(world, holder, name)
        if given.get("etag") and given["etag"] != before.get("etag"):
            raise refusal.Refused(
                409,
                "There were concurrent policy changes. Please retry the whole read-modify-write with "
                "exponential backoff.",
                status="ABORTED",
                reason="aborted",
            )
        wanted = dict(_members(given, holder, name))
        known = {member.id: member for member in _kept(world, holder, name)}
        for id, view in wanted.items():
            if id not in known:
                _judged(world, holder, id, view)
        for id in known.keys() - wanted.keys():
            world.store.cloud.drop(id)
        for id in wanted.keys() - known.keys():
            world.store.cloud.put(
                Resource(id, holder.kind.token, "", {}, wanted[id], acknowledged=True, rest=wanted[id])
            )
        return _policy(world, holder, name)


def test(world: World, request: Request) -> Json:
    """Which of these permissions whoever asks has: all but those that a test takes away."""
    asked = request.body.get("permissions") or request.query.get("permissions", "").split(",")
    lacking = world.faults.lacking()
    return {"permissions": [permission for permission in asked if permission and permission not in lacking]}


def access(world: World, name: str, before: list[Json], wanted: list[Json]) -> list[Json]:
    """The access list of a dataset, judged by the rules for members of its policy, and in Google's words."""
    roles = {"roles/bigquery.dataOwner": "OWNER", "roles/bigquery.dataEditor": "WRITER"}
    roles |= {"roles/bigquery.dataViewer": "READER"}
    written = [{**entry, "role": roles.get(str(entry.get("role")), entry.get("role"))} for entry in wanted]
    for entry, given in zip(written, wanted, strict=True):
        email = str(entry.get("userByEmail", ""))
        kind = "serviceAccount" if email.endswith(".iam.gserviceaccount.com") else "user"
        member = entry.get("iamMember") or (f"{kind}:{email}" if email else "")
        if entry not in before and member:
            view = {
                **place(name),
                "datasetId": tail(name),
                "role": given["role"] if "/" in str(given["role"]) else f"roles/bigquery.{given['role']}",
                "member": member,
            }
            _judged(world, DATASETS, member_id(name, view), view)
    return written


def _judged(world: World, holder: Holder, id: str, view: Json) -> None:
    try:
        world.store.judge_part(Row(holder.kind.token), id, view, None)
    except refusal.Refused as refused:
        if refused.code != 404:
            raise
        raise refusal.Refused(400, f"{view['member']} does not exist.") from refused


def _holder(world: World, request: Request) -> tuple[Holder, str]:
    holder = HOLDERS.get(request.method.collection)
    if holder is None:
        raise generic.unplayed(request)
    row = generic.ROWS.get(request.method.collection)
    if row is not None and world.store.find(row, request.name) is None:
        raise refusal.not_found(request.name)
    return holder, request.name


def _kept(world: World, holder: Holder, name: str) -> Iterator[Resource]:
    project = place(f"{name}/").get("project")
    for member in world.store.cloud.of_type(holder.kind.token):
        same_project = holder.whole_name or "project" not in member.state
        if member.state.get(holder.field) == holder.value(name) and (
            same_project or holder.field == "project" or member.state["project"] == project
        ):
            yield member


def _members(policy: Json, holder: Holder, name: str) -> Iterator[tuple[str, Json]]:
    for binding in policy.get("bindings", []):
        condition = binding.get("condition")
        if condition and policy.get("version") != 3:
            raise refusal.Refused(400, "Specified policy version must be 3 where a binding has a condition.")
        for member in binding.get("members", []):
            view: dict[str, Any] = {
                **place(f"{name}/"),
                holder.field: holder.value(name),
                "role": binding.get("role"),
                "member": member,
                **({"condition": condition} if condition else {}),
            }
            view.pop("account", None)
            yield member_id(tail(name) if holder.field == "project" else name, view), view


def _policy(world: World, holder: Holder, name: str) -> Json:
    bindings: dict[str, Json] = {}
    for member in sorted(_kept(world, holder, name), key=lambda member: member.id):
        view = member.state
        key = f"{view['role']} {view.get('condition')}"
        binding = bindings.setdefault(key, {"role": view["role"], "members": []})
        binding["members"].append(view["member"])
        if view.get("condition"):
            binding["condition"] = view["condition"]
    if not bindings:
        return {"etag": _NO_POLICY}
    conditional = any("condition" in binding for binding in bindings.values())
    found = list(bindings.values())
    return {"version": 3 if conditional else 1, "bindings": found, "etag": fingerprint(found)}
