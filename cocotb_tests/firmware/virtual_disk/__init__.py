"""The disk's driver guest: its checks on the host, against a reference, and its work for several clients on the RTL."""
