"""Attacks on the disk's driver guest by its clients, and by a driver guest that is hostile itself, each with its control run."""
