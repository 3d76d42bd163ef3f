"""The scenario ``sanctuary``: two guests above the isolation kernel, one of which attacks; each attack with its control run."""
