"""Which tools there are, which versions will do, and which Go module each is pinned in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GOMOD = Path(__file__).resolve().parent.parent / "gomod"

_KUBERNETES = "k8s.io/component-base/version"
_KUBERNETES_LDFLAGS = (
    f"-X {_KUBERNETES}.gitVersion=v1.35.8 -X {_KUBERNETES}.gitMajor=1 -X {_KUBERNETES}.gitMinor=35 "
    f"-X {_KUBERNETES}.gitTreeState=clean"
)

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Tool:
    """One executable. `version` is what is built; `least` is what is accepted from the user, same major
    version."""

    name: str
    version: str
    least: Version
    show_version: tuple[str, ...]  # arguments that make it print its version and exit
    assets: bool  # KUBEBUILDER_ASSETS is the convention for it
    module: str  # folder in sandbox/gomod
    package: str  # Go package of the command
    ldflags: str
    minutes: int  # a cold build on two cores, rounded up
    otherwise: str  # how to get it without Go

    @property
    def folder(self) -> Path:
        return GOMOD / self.module


_ASSETS = (
    "a folder with kube-apiserver and etcd, named by KUBEBUILDER_ASSETS (`setup-envtest use 1.35 -p "
    "path` makes one)"
)

CATALOG: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="pulumi",
            version="3.259.0",
            least=(3, 259, 0),
            show_version=("version",),
            assets=False,
            module="pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            ldflags="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
            minutes=4,
            otherwise="the official installer: curl -fsSL https://get.pulumi.com | sh",
        ),
        Tool(
            name="kube-apiserver",
            version="1.35.8",
            least=(1, 32, 0),
            show_version=("--version",),
            assets=True,
            module="kubernetes",
            package="k8s.io/kubernetes/cmd/kube-apiserver",
            ldflags=_KUBERNETES_LDFLAGS,
            minutes=4,
            otherwise=_ASSETS,
        ),
        Tool(
            name="kube-controller-manager",
            version="1.35.8",
            least=(1, 32, 0),
            show_version=("--version",),
            assets=True,
            module="controller-manager",
            package="k8s.io/kubernetes/cmd/kube-controller-manager",
            ldflags=_KUBERNETES_LDFLAGS,
            minutes=4,
            otherwise=_ASSETS,
        ),
        Tool(
            name="etcd",
            version="3.6.14",
            least=(3, 5, 0),
            show_version=("--version",),
            assets=True,
            module="etcd",
            package="go.etcd.io/etcd/server/v3",
            ldflags="",
            minutes=1,
            otherwise=_ASSETS,
        ),
        Tool(
            name="kubectl",
            version="1.35.8",
            least=(1, 32, 0),
            show_version=("version", "--client"),
            assets=True,
            module="kubernetes",
            package="k8s.io/kubernetes/cmd/kubectl",
            ldflags=_KUBERNETES_LDFLAGS,
            minutes=2,
            otherwise="kubectl from https://kubernetes.io/docs/tasks/tools/",
        ),
    )
}

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")


def parse_version(text: str) -> tuple[Version, bool] | None:
    """The first version in a tool's output and whether it is a pre-release; None if there is no version in
    it."""
    match = _VERSION.search(text)
    if not match:
        return None
    major, minor, patch, suffix = match.groups()
    prerelease = bool(suffix) and re.match(r"-(alpha|beta|rc|dev)", suffix) is not None
    return (int(major), int(minor), int(patch)), prerelease


def refusal(tool: Tool, output: str) -> str | None:
    """Why a tool that prints this version is not good enough; None if it is."""
    parsed = parse_version(output)
    least = ".".join(map(str, tool.least))
    if parsed is None:
        return f"it does not say its version (needed: {least} or newer)"
    version, prerelease = parsed
    named = ".".join(map(str, version)) + (" pre-release" if prerelease else "")
    if version[0] != tool.least[0]:
        return f"it is {named}; needed is {least} or newer of major version {tool.least[0]}"
    if version < tool.least or (version == tool.least and prerelease):
        return f"it is {named}; needed is {least} or newer"
    return None
