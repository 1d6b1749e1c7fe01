"""Service perimeters (accesscontextmanager.googleapis.com), which belong to an organisation and not to a
project."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.kinds import Context, Kind, Problem, Values, never_changes, walk

API = "accesscontextmanager.googleapis.com"
PERIMETER = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
_NAME = r"accessPolicies/\d+"
_SERVICE = checks.pattern(
    r"^[a-z][a-z0-9-]*\.googleapis\.com$", "a service is named like storage.googleapis.com"
)


def _below_parent(values: Values) -> Iterator[Problem]:
    name, parent = str(values.get("name")), str(values.get("parent"))
    if not name.startswith(f"{parent}/servicePerimeters/"):
        yield Problem("name", name, f"a perimeter's name begins with its policy: {parent}/servicePerimeters/")


def _one_of_both(values: Values) -> Iterator[Problem]:
    if values.get("spec") and not values.get("useExplicitDryRunSpec"):
        yield Problem(
            "spec", values["spec"], "it is only for a dry run of its own; set useExplicitDryRunSpec"
        )


def _accessible(values: Values) -> Iterator[Problem]:
    for side in ("status", "spec"):
        for at, accessible in walk(values, f"{side}.vpcAccessibleServices"):
            if accessible.get("allowedServices") and not accessible.get("enableRestriction"):
                yield Problem(
                    f"{at}.allowedServices",
                    accessible["allowedServices"],
                    "it must be empty unless enableRestriction is true",
                )


def _one_perimeter_per_project(context: Context) -> Iterator[Problem]:
    mine = {project for _, project in walk(context.new, "status.resources.*")}
    for other in context.cloud.of_type(PERIMETER):
        if other.id == context.id:
            continue
        for at, project in walk(other.state, "status.resources.*"):
            if project in mine:
                yield Problem(
                    at, project, f"it is in '{other.id}' already; a project is in one regular perimeter", 409
                )


PERIMETER_KIND = Kind(
    token=PERIMETER,
    schema="accesscontextmanager.ServicePerimeter",
    id=lambda values: str(values["name"]),
    api=API,
    autoname="",
    place=(),
    checks={
        "name": checks.pattern(
            rf"^{_NAME}/servicePerimeters/[A-Za-z][A-Za-z0-9_]{{0,49}}$",
            "accessPolicies/N/servicePerimeters/NAME",
        ),
        "parent": checks.pattern(rf"^{_NAME}$", "accessPolicies/N"),
        "perimeterType": checks.one_of("PERIMETER_TYPE_REGULAR", "PERIMETER_TYPE_BRIDGE"),
        **{
            f"{side}.{field}.*": check
            for side in ("status", "spec")
            for field, check in (
                ("resources", checks.pattern(r"^projects/\d+$", "a project by its number")),
                ("restrictedServices", _SERVICE),
                (
                    "accessLevels",
                    checks.pattern(rf"^{_NAME}/accessLevels/\w+$", "an access level by its whole name"),
                ),
            )
        },
    },
    rules=(_below_parent, _one_of_both, _accessible),
    defaults={"perimeterType": "PERIMETER_TYPE_REGULAR"},
    replaces=never_changes("name", "parent", "perimeterType"),
    sets=frozenset(
        f"{side}.{field}"
        for side in ("status", "spec")
        for field in ("resources", "restrictedServices", "accessLevels")
    ),
    cloud_rules=(_one_perimeter_per_project,),
    computed=lambda _: {
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "etag": "",
    },
)


KINDS = (PERIMETER_KIND,)
