"""What the machine shows, as pictures, and the user's keys and hand."""
