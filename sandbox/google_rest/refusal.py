"""How Google's APIs say no, as the JSON of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.google.kinds import Problem

#: APIs of the older form, whose errors have a list with a reason each
_OLDER = frozenset({"bigquery", "compute", "dns", "storage"})
_STATUSES = {
    400: ("INVALID_ARGUMENT", "invalid"),
    401: ("UNAUTHENTICATED", "authError"),
    403: ("PERMISSION_DENIED", "forbidden"),
    404: ("NOT_FOUND", "notFound"),
    409: ("ALREADY_EXISTS", "alreadyExists"),
    412: ("FAILED_PRECONDITION", "conditionNotMet"),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded"),
    500: ("INTERNAL", "internalError"),
    501: ("UNIMPLEMENTED", "notImplemented"),
    503: ("UNAVAILABLE", "backendError"),
}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        status: str = "",
        domain: str = "global",
        details: Sequence[Any] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        known = _STATUSES.get(code, ("UNKNOWN", "unknown"))
        self.status = status or known[0]
        self.reason = reason or known[1]
        self.domain = domain
        self.details = list(details)

    def answer(self, api: str) -> dict[str, Any]:
        """The body of the answer, in the form of this API."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if api in _OLDER:
            error["errors"] = [{"message": self.message, "domain": self.domain, "reason": self.reason}]
        if api not in _OLDER or self.details:
            error |= {"status": self.status, "details": self.details}
        return {"error": error}


def not_found(name: str) -> Refused:
    """There is no such thing."""
    return Refused(404, f"The resource '{name}' was not found")


def taken(api: str, name: str) -> Refused:
    """The name is somebody's already."""
    parts = name.split("/")
    if "/serviceAccounts/" in name:
        account = parts[-1].partition("@")[0]
        return Refused(409, f"Service account {account} already exists within project projects/{parts[1]}.")
    if api == "container":
        return Refused(409, f"Already exists: {name}.")
    if api == "storage":
        return Refused(
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all users of "
            "the system. Please select a different name and try again.",
            reason="conflict",
        )
    return Refused(409, f"The resource '{name}' already exists")


def api_off(project: str, api: str) -> Refused:
    """The API is not enabled in the project."""
    url = f"https://console.developers.google.com/apis/api/{api}/overview?project={project}"
    return Refused(
        403,
        f"{api} has not been used in project {project} before or it is disabled. Enable it by visiting {url} "
        "then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our "
        "systems and retry.",
        reason="accessNotConfigured",
        domain="usageLimits",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {"service": api, "consumer": f"projects/{project}", "activationUrl": url},
            }
        ],
    )


def in_use(name: str, user: str) -> Refused:
    """Something else holds the resource."""
    kind = name.split("/")[-2].removesuffix("s") if "/" in name else "bucket"
    return Refused(
        400,
        f"The {kind} resource '{name}' is already being used by '{user}'",
        reason="resourceInUseByAnotherResource",
        status="FAILED_PRECONDITION",
    )


def of_problems(problems: Sequence[Problem]) -> Refused:
    """What the cloud's rules say against a resource, in Google's form."""
    first = problems[0]
    said = [
        f"Invalid value for field 'resource.{problem.path}': '{problem.value}'. {problem.rule}."
        if problem.code == 400
        else f"{problem.path} is '{problem.value}': {problem.rule}."
        for problem in problems
    ]
    return Refused(first.code, "\n".join(said))
