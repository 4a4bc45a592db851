"""The web page: look, correct, start a round. On this machine only; it knows storage and rounds, no site, no Keras."""
