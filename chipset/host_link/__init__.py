"""The bus master through which the isolation kernel in Python works, and its mailbox (design decision 12)."""
