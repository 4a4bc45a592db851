"""What a command works on: settings, root, site, target, network."""
