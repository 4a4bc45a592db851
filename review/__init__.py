"""The web page: label pictures, start a round; on loopback only. Knows storage and rounds, no site, no Keras."""
