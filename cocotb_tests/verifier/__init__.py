"""The verifier, judged by quotes of a real TPM (swtpm) that tpm2-tools have asked for."""
