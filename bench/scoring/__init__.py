"""Pictures a second from encoded bytes to score, against the seven-layer network."""
