"""Files of an export: written whole or not at all, never over what is the user's."""
