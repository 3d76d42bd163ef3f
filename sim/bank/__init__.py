"""The scenario ``bank``: a far bank, and a customer whose machine's BIOS, mass-market system, disk and network are the enemy's."""
