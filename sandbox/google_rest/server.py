"""Google's REST APIs on a port of this machine: how they are started, asked and broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sandbox.google.cloud import Cloud, HasGoogle, Resource
from sandbox.google.kinds import ApiServer
from sandbox.google_rest import special
from sandbox.google_rest.answering import Call, answer
from sandbox.google_rest.beside import beside
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.endpoints import ENDPOINTS
from sandbox.google_rest.faults import Faults
from sandbox.google_rest.project import enable
from sandbox.google_rest.store import Store
from sandbox.google_rest.world import World

TOKEN = "nobodys-token"
"""Not the name of a file: the provider would read that."""


class GoogleRest:
    """Google Cloud's REST APIs, over the cloud of one sandbox. Runs from the start until `stop`."""

    def __init__(self, home: HasGoogle, apiserver: ApiServer) -> None:
        self._cloud = Cloud(home)
        self._world = World(Store(self._cloud, apiserver), apiserver)
        self.calls: list[Call] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and free its port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def cloud(self) -> Cloud:
        """What exists in it."""
        return self._cloud

    @property
    def url(self) -> str:
        """Where all of it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def faults(self) -> Faults:
        """What is broken now; add to it what shall be."""
        return self._world.faults

    @property
    def quotas(self) -> dict[str, float]:
        """Limits by metric, such as STATIC_ADDRESSES, where they are not the usual ones."""
        return self._world.quotas

    @property
    def policies(self) -> dict[str, Json]:
        """Policies of the organisation, by constraint such as `constraints/gcp.resourceLocations`."""
        return self._world.policies

    @property
    def switched_on(self) -> set[str]:
        """APIs that are on in every project, although nobody enabled them in this cloud."""
        return self._world.switched_on

    @property
    def unpublished(self) -> set[str]:
        """Charts and images of Istio that are nowhere, by name."""
        return self._world.unpublished

    def endpoint(self, host: str) -> str:
        """What stands for `https://HOST/`, with the slash at its end."""
        return f"{self.url}/{host}/"

    def environment(self) -> dict[str, str]:
        """What makes the Google provider ask here, with a token that is nobody's."""
        return {
            "GOOGLE_OAUTH_ACCESS_TOKEN": TOKEN,
            "PULUMI_GCP_SKIP_REGION_VALIDATION": "true",  # the plugin asks Google itself for the regions
            **{
                f"GOOGLE_{name}_CUSTOM_ENDPOINT": self.endpoint(host) + path
                for name, (host, path) in ENDPOINTS.items()
            },
        }

    def answer(self, host: str, http: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Json]:
        """The answer to one request, which is remembered."""
        if (said := beside(self._world, host, path)) is not None:
            return said
        answered = answer(self._world, host, http, path, query, body)
        self.calls.append(answered.call)
        return answered.code, answered.body

    # What a test or a person does without the program

    def enable(self, *apis: str, project: str = "sandbox-project") -> None:
        """Switch APIs on in a project."""
        for api in apis:
            enable(self._world, project, api)

    def put_object(self, bucket: str, name: str) -> None:
        """Lay an object into a bucket."""
        special.put_object(self._world, bucket, name)

    def resource(self, id: str) -> Json:
        """What Google keeps about an object, by its id in the cloud. KeyError when there is none."""
        return dict(self.cloud.require(id).rest)

    def change(self, id: str, edit: Callable[[Json], Any]) -> None:
        """An edit behind the program's back: `edit` changes the resource in place. Nothing is checked."""
        with self.cloud.locked():
            known = self.cloud.require(id)
            rest = json.loads(json.dumps(known.rest))
            edit(rest)
            self.cloud.put(Resource(id, known.type, known.urn, known.inputs, known.state, True, rest))


def _handler(google: GoogleRest) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            host, _, path = url.path.strip("/").partition("/")
            if "." not in host:  # some clients keep of an address only what stands before `/dns/`, say
                host, path = f"{host}.googleapis.com", f"{host}/{path}"
            query: dict[str, str] = {}
            for key, value in parse_qsl(url.query, keep_blank_values=True):
                query[key] = f"{query[key]},{value}" if key in query else value
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, said = google.answer(host, self.command, path, query, body)
            text = b"" if code == 204 else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: `calls` has all of it."""

    return Handler
