"""What a round learns from: sampled, split for good, labelled by somebody."""
