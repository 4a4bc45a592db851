"""Tags as words that models are trained on."""
