"""From bytes to a decoded instruction."""
