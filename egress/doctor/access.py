"""Whether this account may make what the plan makes. Google answers for each permission, whatever roles
somebody has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, some, unknown
from egress.doctor.google import Absent, Api, texts
from egress.doctor.login import account_of
from egress.doctor.permissions import KUBERNETES, OF_ORGANIZATION, RIGHTS, Right

AT_ONCE = 100
"""Permissions that one question may name."""


def access(case: Case) -> Iterator[Finding]:
    for (api, resource), rights in _by_resource(case).items():
        what = "permissions" if resource == f"projects/{case.project}" else f"permissions in {resource}"
        permissions = sorted({permission for right in rights for permission in right.permissions})
        needed = f"{len(permissions)}, for what the plan makes"
        try:
            held = _held(case, api, resource, permissions)
        except NotKnown as why:
            yield unknown("access", what, needed, why)
            continue
        missing = [permission for permission in permissions if permission not in held]
        roles = sorted({_role(rights, permission) for permission in missing})
        yield judged(
            "access",
            what,
            not missing,
            f"without {some(missing)}" if missing else f"{len(permissions)}",
            needed,
            "\n".join(_grant(case, resource, role) for role in roles),
        )


def _by_resource(case: Case) -> Mapping[tuple[Api, str], list[Right]]:
    """What is needed, by where IAM is asked for it."""
    wanted: dict[tuple[Api, str], list[Right]] = {}
    for kind, project in sorted({(one.kind, one.project) for one in made.made(case.plan)}):
        above = kind in OF_ORGANIZATION
        perimeter = case.plan.settings.network.perimeter
        where = (
            (Api.ACCESS, f"accessPolicies/{perimeter.access_policy}")
            if above and perimeter
            else (Api.PROJECTS, f"projects/{project}")
        )
        wanted.setdefault(where, []).extend(RIGHTS[kind])
    wanted[Api.PROJECTS, f"projects/{case.project}"].extend(RIGHTS[KUBERNETES])
    return wanted


def _held(case: Case, api: Api, resource: str, permissions: list[str]) -> set[str]:
    held: set[str] = set()
    for start in range(0, len(permissions), AT_ONCE):
        asked = permissions[start : start + AT_ONCE]
        try:
            answer = case.google.ask(api, f"{resource}:testIamPermissions", {"permissions": asked})
        except Absent as error:
            raise NotKnown(f"there is no {resource}: {error}") from None
        held.update(texts(answer, "permissions"))
    return held


def _role(rights: list[Right], permission: str) -> str:
    return next(right.role for right in rights if permission in right.permissions)


def _grant(case: Case, resource: str, role: str) -> str:
    try:
        account = account_of(case.google, case.login)
    except NotKnown:
        account = "YOUR_ACCOUNT"
    member = f"serviceAccount:{account}" if account.endswith("gserviceaccount.com") else f"user:{account}"
    kind, _, name = resource.partition("/")
    command = "projects" if kind == "projects" else "access-context-manager policies"
    return f"gcloud {command} add-iam-policy-binding {name} --member={member} --role={role}"
