"""What two rooms must agree on. Imports nothing of ours; everything but ``bus`` is free of circuits."""
