"""Which pages are made, and by what."""

from collections.abc import Callable

from sim.docs.registers_page import registers_page
from sim.docs.vmcb_page import vmcb_page

__all__ = ["PAGES"]

PAGES: dict[str, Callable[[], str]] = {"registers.md": registers_page, "vmcb.md": vmcb_page}
"""Names in ``docs/``."""
