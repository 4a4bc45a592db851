"""How fast a video is watched, and in how much memory."""
