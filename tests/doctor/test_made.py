"""The doctor knows every resource of Google's that the program makes, and what somebody must be allowed for
it."""

from __future__ import annotations

from collections import Counter

import pytest

from egress.common import stack_file
from egress.doctor import made
from egress.doctor.permissions import KUBERNETES, RIGHTS
from tests.doctor.cases import example
from tests.program_runner import run_program
from tests.support import ROOT

STACKS = (
    "Pulumi.dev.yaml",
    "examples/modes/Pulumi.google-apis.yaml",
    "examples/modes/Pulumi.managed-mesh.yaml",
    "examples/modes/Pulumi.own-gateway.yaml",
    "examples/modes/Pulumi.perimeter.yaml",
    "examples/modes/Pulumi.receive.yaml",
    "examples/modes/Pulumi.secret-manager.yaml",
)
MEMBERS = {
    made.ACCOUNT_MEMBER: "serviceAccountId",
    made.BUCKET_MEMBER: "bucket",
    made.DATASET_MEMBER: "datasetId",
    made.PROJECT_MEMBER: "role",
    made.SECRET_MEMBER: "secretId",
    made.SUBSCRIPTION_MEMBER: "subscription",
    made.TOPIC_MEMBER: "topic",
    made.API: "service",
    made.ACCOUNT: "accountId",
    made.REPOSITORY: "repositoryId",
    made.MEMBERSHIP: "feature",
}
"""By type, the input that says which thing it is, where that is not `name`."""


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_doctor_looks_for_is_what_the_program_makes(stack: str) -> None:
    config = {"gcp:project": "sandbox-project", **stack_file.read(ROOT / stack).config}
    registered = [one for one in run_program(config).registered if one["type"].startswith("gcp:")]
    makes = Counter((one["type"], one["inputs"].get(MEMBERS.get(one["type"], "name"))) for one in registered)
    expected = Counter((one.kind, one.name) for one in made.made(example(stack)))
    unnamed = {made.ACCOUNT_MEMBER, made.MEMBERSHIP}  # they are given what another resource is called

    def shown(counted: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for (kind, name), count in counted.items():
            found[kind, "" if kind in unnamed else name] += count
        return found

    assert shown(expected) == shown(makes)


def test_these_stacks_hold_every_type_that_the_doctor_knows() -> None:
    """So that a type is not known by its name alone."""
    kinds = {one.kind for stack in STACKS for one in made.made(example(stack))}
    assert kinds == RIGHTS.keys() - {KUBERNETES}


def test_every_type_has_its_permissions_written_down() -> None:
    kinds = {value for name, value in vars(made).items() if name.isupper() and isinstance(value, str)}
    assert kinds | {KUBERNETES} == RIGHTS.keys()


def test_no_permission_is_given_by_two_roles_of_one_type() -> None:
    for rights in RIGHTS.values():
        permissions = [permission for right in rights for permission in right.permissions]
        assert len(permissions) == len(set(permissions))
