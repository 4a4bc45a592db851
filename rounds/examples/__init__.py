"""What a round learns from: samples, frozen splits, label sources."""
