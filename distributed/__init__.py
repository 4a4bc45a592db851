"""More than one machine: pictures looked at by workers of a Ray cluster, by the protocols of the local engine.

An optional extra, `ray`; no other room knows this one, and only the command line composes it.
"""
