"""From pictures and tags to a trained backbone."""
