"""Translation through a guest's page tables: entries are read and marked here, and in memory of the guest alone; what they mean to it, the
room without authority says. Whatever page it comes to, ``GuestMemory`` decides what lies there.
"""

from contracts.architecture import PageFault
from isolation_kernel.fence import Fence
from isolation_kernel.guest_memory import GuestMemory
from virtual_pc.paging import Leaf, PagingMode, walk

__all__ = ["translate"]

_STEPS = 4  # two entries, each read and marked
_WORD = 0xFFFF_FFFF


def translate(
    tables: GuestMemory, pc: Fence, cr3: int, linear: int, access: PageFault, mode: PagingMode, touch: bool = True
) -> Leaf | PageFault:
    """Walk for ``linear``, as in ``virtual_pc.paging``."""
    walking = walk(cr3, linear, access, mode, touch)
    answer = pc.ask(walking.__next__)
    for _ in range(_STEPS):
        if not isinstance(answer, tuple):
            break
        address, word = answer
        if word is not None:
            tables.update_table(address, word & _WORD)
        answer = pc.ask(walking.send, tables.read_table(address) if word is None else None)
    return answer if isinstance(answer, Leaf | PageFault) else access & (PageFault.WRITE | PageFault.USER)
