"""Code that runs on the chip, and what builds it."""
