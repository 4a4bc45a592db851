"""Networks that turn pictures into features, by name; one file each."""
