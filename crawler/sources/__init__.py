"""Where posts come from: sites, their APIs, what a query becomes there."""
