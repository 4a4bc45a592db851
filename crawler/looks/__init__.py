"""Looking at a small rendition first, and at a larger one where that leaves a doubt."""
