"""What the chipset does for a late launch: it closes the block to devices and hands its bytes to the TPM."""
