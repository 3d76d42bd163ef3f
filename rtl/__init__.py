"""The processor: a complete IA-32 core without ring −1."""
