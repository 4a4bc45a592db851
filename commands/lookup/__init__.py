"""Which target, site or post the user's words mean."""
