"""What the person who calls the verifier can put right."""

__all__ = ["InputError"]


class InputError(Exception):
    """A file or an argument that says nothing to judge by; the message is one line."""
