"""No part of the kernel: a pure-Python machine that runs scripts as guests, and the recorder of machine calls. For tests."""
