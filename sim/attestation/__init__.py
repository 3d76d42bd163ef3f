"""Quotes of running guests for whoever asks over a socket: the run's end, and the asker's."""
