"""Ring −1: AMD SVM in its 32-bit legacy form, as an extension of the core (rtl/seam.py)."""
