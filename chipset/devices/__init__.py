"""The devices of the machine, each in a file of its own."""
