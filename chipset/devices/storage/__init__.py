"""What keeps the sectors of a drive."""
