"""The command line ``ringfence``."""
