"""Generated microprograms: RDMSR, WRMSR and CPUID compare their number with each that the core and its extension have."""

from rtl.arch import identity
from rtl.seam import CpuidLeaf, Extension, MsrRow

__all__ = ["CORE_CPUID", "CORE_MSRS", "text"]

_TSC = 0x10
_SYSENTER = 0x174
_EXTENDED = 0x8000_0000

CORE_MSRS: tuple[MsrRow, ...] = (
    MsrRow(_TSC, "read_msr_tsc", "write_msr_tsc"),
    MsrRow(_SYSENTER, "read_msr_sysenter_cs", "write_msr_sysenter_cs"),
    MsrRow(_SYSENTER + 1, "read_msr_sysenter_esp", "write_msr_sysenter_esp"),
    MsrRow(_SYSENTER + 2, "read_msr_sysenter_eip", "write_msr_sysenter_eip"),
)


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


CORE_CPUID: tuple[CpuidLeaf, ...] = (
    CpuidLeaf(0, 1, _word(identity.VENDOR[0:4]), _word(identity.VENDOR[8:12]), _word(identity.VENDOR[4:8])),
    CpuidLeaf(1, identity.SIGNATURE, 0, 0, identity.FEATURES),
)


def _merge(leaves: tuple[CpuidLeaf, ...]) -> dict[int, tuple[int, int, int, int]]:
    merged: dict[int, tuple[int, int, int, int]] = {}
    for leaf in leaves:
        old = merged.get(leaf.number, (0, 0, 0, 0))
        merged[leaf.number] = (old[0] | leaf.eax, old[1] | leaf.ebx, old[2] | leaf.ecx, old[3] | leaf.edx)
    highest = max((n for n in merged if n >= _EXTENDED), default=None)
    if highest is not None:
        merged[_EXTENDED] = (highest, *merged.get(_EXTENDED, (0, 0, 0, 0))[1:])
    return merged


def text(extension: Extension | None) -> str:
    """Source text of ``rdmsr_dispatch``, ``wrmsr_dispatch`` and ``cpuid_dispatch``. Unknown MSRs are #GP(0), unknown leaves zeros."""
    msrs = CORE_MSRS + (extension.msrs if extension else ())
    leaves = _merge(CORE_CPUID + (extension.cpuid if extension else ()))
    lines = ["rdmsr_dispatch:"]
    lines += [f"    cmp.d ecx, {m.number:#x} ; if z goto {m.read}" for m in msrs if m.read]
    lines += ["    goto raise_gp0", "wrmsr_dispatch:"]
    lines += [f"    cmp.d ecx, {m.number:#x} ; if z goto {m.write}" for m in msrs if m.write]
    lines += ["    goto raise_gp0", "cpuid_dispatch:"]
    lines += [f"    cmp.d eax, {number:#x} ; if z goto cpuid_{number:x}" for number in leaves]
    lines += ["    goto cpuid_none", "cpuid_none:"]
    for number, values in [(None, (0, 0, 0, 0)), *leaves.items()]:
        if number is not None:
            lines.append(f"cpuid_{number:x}:")
        lines += [f"    {r} = mov.d {v:#x}" for r, v in zip(("eax", "ebx", "ecx", "edx"), values, strict=True)]
        lines[-1] += " ; last"
    return "\n".join(lines) + "\n"
