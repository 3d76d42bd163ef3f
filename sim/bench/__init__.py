"""Measuring the machine: ``ringfence bench``."""
