"""What is worth a person's look next, and what random answers say of the gallery."""
