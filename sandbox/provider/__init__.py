"""What all stand-in providers share: Pulumi's provider protocol, whatever a provider makes.

protocol.py  serving over gRPC, the calls that every provider answers alike, refusals in words
wire.py      the engine's property values <-> Python values, unknowns and secrets
"""
