"""Attacks on who a guest is, and on what is kept and said in its name."""
