"""Register files."""
