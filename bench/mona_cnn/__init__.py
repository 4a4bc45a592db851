"""The open questions about `mona_cnn`, answered with figures."""
