"""The kernel's image: while it runs in Python, the digest of its source tree."""

from pathlib import Path

from contracts.canonical import canonical, digest

__all__ = ["kernel_digest", "kernel_sources"]

_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("contracts", "isolation_kernel", "virtual_pc")


def kernel_sources(root: Path = _ROOT) -> list[Path]:
    """The files that make the kernel what it is: its room but for the machine of its tests, and the rooms that it imports. The virtual PC
    has no authority, but runs in the kernel's process."""
    return sorted(
        file for room in _ROOMS for file in (root / room).rglob("*.py") if (root / "isolation_kernel" / "model") not in file.parents
    )


def kernel_digest(root: Path = _ROOT) -> bytes:
    """SHA-256 of the canonical form of their names, each with the digest of its bytes. The host asserts it: nothing has measured it."""
    files = {file.relative_to(root).as_posix(): digest(file.read_bytes()) for file in kernel_sources(root)}
    return bytes.fromhex(digest(canonical(files).encode()))
