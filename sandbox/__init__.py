"""The program on one machine: the real Pulumi engine, a real Kubernetes API server, a stand-in for Google
Cloud.

Nothing here decides what the program should deploy: the sandbox never imports `egress` or `components` for
that, so it cannot agree with a mistake of theirs.
"""
