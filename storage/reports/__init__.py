"""What is told of a gallery as a whole: sums, and posts in lists; the database does the counting."""
