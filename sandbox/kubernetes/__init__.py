"""A stand-in for the Pulumi provider `kubernetes` that applies every object to the sandbox's real API server.

    server.py      the provider's gRPC side: what the engine asks, on top of sandbox/provider
    lifecycle.py   create, update, read and delete one object or release
    kubeconfig.py  which API server a kubeconfig means, and that it is the sandbox's and no other
    manifest.py    pure rules over manifests: check, difference, replacement, drift
    cluster.py     the API server: discovery, server-side apply, read, delete
    namespace.py   emptying a deleted namespace, which a cluster's controller manager does
    release.py     Helm releases of Istio's charts

What it does not do, because no node and no controller runs here: it awaits no readiness (a Deployment would
never become ready), and it renders no chart.
"""
