"""What commands need of a terminal: streams, signals, progress, how they end."""
