"""The site's endpoints."""
