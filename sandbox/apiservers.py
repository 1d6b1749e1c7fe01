"""The API servers of one sandbox: one for each cluster of its stand-in cloud.

The first cluster has the one in the home itself, which a person looks at. Each further one has a folder below
`clusters`, in which everything is as in a home.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.apiserver import ApiServer, ApiServerError
from sandbox.home import Home

_OWNER = "cluster"
"""In a server's folder: the id of the cluster that it is the control plane of. It goes with the server."""


class ApiServers:
    """Those of one home. Any process may make one of these and finds the same servers."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def first(self) -> ApiServer:
        return ApiServer(self.home)

    def of(self, cluster: str) -> ApiServer:
        """The control plane of a cluster, by the cluster's id. The first is anybody's until a cluster has
        it."""
        return ApiServer(self._home(cluster))

    def own(self, cluster: str) -> None:
        """The cluster has its server from now on."""
        (self._home(cluster).apiserver / _OWNER).write_text(cluster, encoding="utf-8")

    def at(self, url: str) -> tuple[ApiServer, str]:
        """The server at an address, and the id of its cluster; the first where none is there."""
        for home in self._homes():
            try:
                if urlsplit(ApiServer(home).url).netloc == urlsplit(url).netloc:
                    return ApiServer(home), self._owner(home)
            except ApiServerError:
                continue
        return self.first, self._owner(self.home)

    def every(self) -> Iterator[ApiServer]:
        """The first, and all that were ever started beside it."""
        yield from map(ApiServer, self._homes())

    def _homes(self) -> Iterator[Home]:
        yield self.home
        if self._folder.is_dir():
            yield from map(Home, sorted(self._folder.iterdir()))

    @property
    def _folder(self) -> Path:
        return self.home.clusters

    def _home(self, cluster: str) -> Home:
        owners = {self._owner(home): home for home in self._homes()}
        if cluster in owners:
            return owners[cluster]
        if not self._owner(self.home):
            return self.home
        return Home(self._folder / hashlib.sha256(cluster.encode()).hexdigest()[:12])

    @staticmethod
    def _owner(home: Home) -> str:
        try:
            return (home.apiserver / _OWNER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
