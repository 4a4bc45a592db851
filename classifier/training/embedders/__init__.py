"""How a network is had and looks at every picture: trained, fine-tuned, taken as published, or by a recipe."""
