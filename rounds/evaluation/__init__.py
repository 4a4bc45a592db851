"""Quality of a model: measurement and reports."""
