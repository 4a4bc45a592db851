"""The site's search language, as the site reads it."""
