"""Which pictures to ask about next, and what the answers to the random sample say of the gallery."""
