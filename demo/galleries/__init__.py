"""What a gallery holds: painted here, from a folder, or made by hand."""
