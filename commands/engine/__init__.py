"""What looks at pictures: this machine alone, or a cluster."""
