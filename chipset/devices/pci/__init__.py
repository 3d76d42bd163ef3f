"""PCI configuration: the address register, and the functions that answer."""
