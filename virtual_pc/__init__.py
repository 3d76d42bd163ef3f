"""The PC that a guest sees where none is real: its devices, its first state, and what its instructions mean. No authority is here.

Everything takes values and answers with values; it imports nothing but ``contracts`` and is handed no kernel, machine or memory. What it
answers is a claim about one guest, which the kernel checks before it acts: so a fault in this room can harm its own guest alone.
"""
