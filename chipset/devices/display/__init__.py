"""The text display: screen memory, registers, font, dots; and the line that is ring −1's alone."""
