"""Who may do what to a page (Intel SDM vol. 3, 4.6), and the error code of a page fault (4.7)."""

from amaranth.hdl import Cat, Value

__all__ = ["page_error", "permitted"]


def permitted(page_user: Value, page_writable: Value, *, user: Value, write: Value, write_protect: Value) -> Value:
    """1 if the access is allowed. ``write_protect`` is CR0.WP; the page's rights are those of both levels together."""
    supervisor_ok = ~write | page_writable | ~write_protect
    return (~user | (page_user & (~write | page_writable))) & (user | supervisor_ok)


def page_error(*, present: Value, write: Value, user: Value, reserved: Value) -> Value:
    """The four bits of ``rtl.arch.control.PageError``."""
    return Cat(present, write, user, reserved)
