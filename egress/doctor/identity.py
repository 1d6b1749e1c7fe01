"""Both logins, and that they are one account: the Google provider signs in with Application Default
Credentials, the cluster's plugin with gcloud's account."""

from __future__ import annotations

from collections.abc import Iterator

from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, State, judged, unknown
from egress.doctor.login import LOG_IN, account_of

GOOGLE, CLUSTER = "login for Google Cloud", "login for the cluster"
ONE = "the same account as for Google Cloud"


def identity(case: Case) -> Iterator[Finding]:
    if case.login.problem:
        found, fix = f"none: {case.login.problem}", case.login.problem.fix
        yield judged("login", GOOGLE, False, found, "an account", fix)
        account = None
    else:
        try:
            account = account_of(case.google, case.login)
            yield Finding("login", GOOGLE, State.OK, account, "an account")
        except NotKnown as why:
            account = None
            yield unknown("login", GOOGLE, "an account", why)
    yield from _cluster(case, account)


def _cluster(case: Case, account: str | None) -> Iterator[Finding]:
    ran = case.machine.run("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)")
    if ran is None:
        why = NotKnown("there is no gcloud on PATH")
        yield unknown("login", CLUSTER, ONE, why)
        return
    if ran.code:
        yield unknown("login", CLUSTER, ONE, NotKnown(f"gcloud says: {ran.complaint}"))
        return
    active = ran.out.strip()
    if not active:
        yield judged("login", CLUSTER, False, "none", ONE, "gcloud auth login")
    elif account is None:
        why = NotKnown(f"nothing is known to compare {active} with", LOG_IN)
        yield unknown("login", CLUSTER, ONE, why)
    else:
        yield judged(
            "login", CLUSTER, active.lower() == account.lower(), active, ONE, f"gcloud auth login {account}"
        )
