"""The engines that a gallery's rows may be on, and which of them it is."""
