"""Many classes at once: which name a picture gets, or nobody."""
