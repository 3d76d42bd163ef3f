"""A real TPM 2.0 beside the machine: Debian's ``swtpm``, a process of its own."""
