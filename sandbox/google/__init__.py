"""A stand-in for Google Cloud: the `gcp` Pulumi provider with a cloud behind it that is a folder of files.

Why: the same program that goes to a real project runs here without account or credentials, and what Google
would refuse is refused here, before anybody waits for a cloud.

The rooms, in the order a request passes them:

    server.py    the provider's gRPC side: which request does what
    wire.py      protobuf values <-> Python values, unknowns and secrets
    shapes.py    which fields a resource type has; read from the installed `pulumi_gcp` package
    table.py     every known resource type; the rows lie in identity, network, firewall,
                 address, nat, dns, storage, cluster, nodes and fleet kinds.py     the form of a row checks.py
    rules for one value: names, ranges, ports, members preview.py   what is refused before anything is created
    (as the provider's own schema does) diff.py      what changed, and whether that replaces the resource
    life.py      create, update, read, delete as the cloud does them: references, duplicates, things in use
    cloud.py     what exists, one JSON file per object; also the door for tests ("someone changed it in the
    console") cluster_rules, cluster_outputs, machines: the parts of the two largest rows lookups.py   the few
    data sources that programs call

What it does not stand in for: permissions, quotas, prices, time, and traffic. Nothing here carries a packet.
"""
