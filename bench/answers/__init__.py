"""What people's answers are worth."""
