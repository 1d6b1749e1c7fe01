"""A stand-in for Google Cloud: the `gcp` Pulumi provider with a cloud behind it that is a folder of files.

Why: the program that goes to a real project runs here unchanged, without account or credentials. What Google
would refuse is refused here too, before anyone waits for a cloud.

The files, in the order in which a request passes them:

    server.py     the provider's gRPC side, on top of sandbox/provider: which request does what
    settings.py   the project, region and zone that a provider is configured with
    schema.py     which fields a resource type has; read from the installed `pulumi_gcp` package
    table.py      every known resource type. The rows are in identity, network, firewall, address, nat, dns,
                  storage, artifact_registry, cluster, nodes, fleet, monitoring, grants and perimeter
    kinds.py      the form of a row
    checks.py     rules for one value: names, ranges, ports, members
    preview.py    what is refused before anything is created, as the provider's own schema does
    diff.py       what changed, and whether that replaces the resource
    lifecycle.py  create, update, read, delete as the cloud does them: references, duplicates, what is in use
    state.py      what the cloud says about an object: the inputs with all that it adds itself
    refusal.py    how the cloud says no
    cloud.py      what exists, one JSON file per object

Beside them: cluster_rules, cluster_outputs and machines are parts of the two largest rows; lookups.py has the
few data sources that programs call; console.py lets a test edit an object as a person would.

What it does not stand in for: permissions, quotas, prices, time, and traffic. Nothing here carries a packet.
"""
