"""The TPM's register file (TIS); the TPM itself is behind a port."""
