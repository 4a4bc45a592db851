"""The ancestors' networks and ours on the same pictures, in one table."""
