"""The keyboard controller (8042), the keyboard and the mouse behind it."""
