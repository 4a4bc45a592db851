"""Pictures like one picture, over the whole gallery, and whom it shows by the nearest tagged ones."""
