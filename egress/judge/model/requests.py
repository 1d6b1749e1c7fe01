"""What a proxy makes of a request before any rule is asked: the normal form of its path, and whether it is
read at all.

Source: Envoy, HTTP/1 codec and HttpConnectionManager; read off Envoy 1.40, and held against it in
tests/mesh/test_normal_form.py and tests/mesh/test_paths.py.
"""

from __future__ import annotations

from dataclasses import replace

from egress.common.normal_form import Normalization, normal
from egress.judge.model.flow import Request

_KNOWN = """
ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY OPTIONS
PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK
UNSUBSCRIBE
"""
METHODS = frozenset(_KNOWN.split())
"""Methods that Envoy's HTTP/1 reader knows, letter by letter. CONNECT is known and has no route."""


def read(request: Request, how: Normalization) -> Request | str:
    """The request as rules see it and as it is sent on, or why the proxy answers it with 400."""
    if request.method not in METHODS:
        if request.method.upper() in METHODS:
            return (
                f"Methods are read letter by letter, and {request.method} is none; "
                f"{request.method.upper()} is."
            )
        return f"The proxy takes no request with the method {request.method}."
    path = normal(request.path, how)
    if path is None:
        return f"The proxy takes no request with the path {request.path!r}."
    return request if path == request.path else replace(request, path=path)
