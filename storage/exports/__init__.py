"""What leaves the gallery for other tools: posts with what is known of them, and what was written before."""
