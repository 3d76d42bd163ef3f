"""The retire port."""
