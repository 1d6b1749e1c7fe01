"""The environment in which the Pulumi CLI runs."""

from __future__ import annotations

from sandbox.command import without_foreign


def test_the_users_own_accounts_stay_outside() -> None:
    theirs = {"PULUMI_ACCESS_TOKEN": "t", "GOOGLE_PROJECT": "p", "CLOUDSDK_CORE_PROJECT": "p"}
    ours = {"PATH": "/bin", "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    assert without_foreign(theirs | ours) == ours
