"""What other programs left: their lists of what they downloaded, and the posts that count as seen by them."""
