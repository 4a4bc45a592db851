"""Requests and responses, without sockets."""
