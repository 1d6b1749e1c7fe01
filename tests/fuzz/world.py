"""The API server that takes what a config renders: one for a whole run, where its programs are at hand."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import yaml

from egress.common.names import GATEWAY_NAMESPACE, INGRESS_NAMESPACE, MESH_NAMESPACE
from egress.common.objects import Object
from sandbox.apiserver import ApiServer, ApiServerError
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster, ClusterError
from sandbox.tools import ToolError, istio_crds
from tests.apiserver import test_rendered_objects as real
from tests.random_configs import TEAMS

ELSEWHERE = "elsewhere"
"""Namespace in which objects of other gateways and teams are tried: a dry run makes no namespace for those
that come after it."""
KNOWN = (GATEWAY_NAMESPACE, INGRESS_NAMESPACE, MESH_NAMESPACE, ELSEWHERE, *TEAMS)


class Taker:
    """A cluster without anything of a stack, asked what it would take."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def refusals(self, rendered: Sequence[Object]) -> Iterator[str]:
        """What it says to each object that it refuses."""
        with ThreadPoolExecutor(4) as pool:
            yield from (said for said in pool.map(self._tried, rendered) if said)

    def _tried(self, item: Object) -> str:
        kind = self._cluster.kind(item.manifest["apiVersion"], item.kind, seconds=20)
        space = item.namespace if item.namespace in (None, *KNOWN) else ELSEWHERE
        metadata = {**item.manifest["metadata"], **({"namespace": space} if space else {})}
        try:
            self._cluster.apply(kind, space, {**item.manifest, "metadata": metadata}, dry_run=True)
        except ClusterError as error:
            return f"{item.identity}: {error}"
        return ""


@cache
def cluster() -> Taker | None:
    """The cluster; None, with a line that says why, where there can be none."""
    folder = Path(tempfile.mkdtemp(prefix="egress-fuzz-"))
    server = ApiServer(Home(folder))
    atexit.register(lambda: (server.wipe(), shutil.rmtree(folder, ignore_errors=True)))
    try:
        server.start()
    except (ToolError, ApiServerError) as error:
        print(f"no API server, so nobody is asked whether objects are taken: {error}")
        return None
    found = Cluster(server.url, server.token, server.ca_pem, force=True)
    for definition in yaml.safe_load_all(istio_crds().read_text(encoding="utf-8")):
        real.apply(found, definition)
    server.define_secret_sync()
    for name in KNOWN:
        real.apply(found, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return Taker(found)
