"""How other programs write down what they downloaded."""
