"""How the cloud says no: in Google's form, with every reason at once."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.google.kinds import Kind, Problem

_STATUS = {400: "invalid", 403: "accessNotConfigured", 404: "notFound", 409: "alreadyExists"}


class Refused(Exception):
    """The cloud said no. The text has every reason, and what to do; `code` is Google's HTTP status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def refuse(kind: Kind, id: str, doing: str, problems: Iterable[Problem]) -> None:
    """Raise Refused when there is any problem. `doing` says what the cloud was asked for: creating, say."""
    problems = list(problems)
    if not problems:
        return
    code = problems[0].code
    lines = [f"{problem.path} is {problem.value!r}: {problem.rule}." for problem in problems]
    raise Refused(
        code,
        f"googleapi: Error {code}: {doing} {kind.token} '{id}': " + "\n".join(lines) + f" ({_STATUS[code]})",
    )
