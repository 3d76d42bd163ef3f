"""Facts of the architecture, each declared once. Imports nothing of ours."""
