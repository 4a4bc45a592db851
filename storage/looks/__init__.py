"""What was seen of pictures: tries to fetch them, looks, and what another model says of many looks at once."""
