"""``docs/vmcb.md``: the virtual machine control block, intercept bits, exit codes and MSRs, as far as this machine has them."""

from contracts.exit_codes import ExitCode
from contracts.msr import Efer, Msr, VmCr
from contracts.vmcb import CONTROL_SIZE, FIELDS, SEGMENTS, EventType, General1, General2, InterruptControl, SegmentPart, TlbControl
from cpu_ext.extension import NOT_BUILT
from sim.docs.markdown import bits, hexadecimal, table

__all__ = ["vmcb_page"]

_FAMILIES = {
    ExitCode.CR_READ: "+ n: read of CRn", ExitCode.CR_WRITE: "+ n: write of CRn", ExitCode.DR_READ: "+ n: read of DRn",
    ExitCode.DR_WRITE: "+ n: write of DRn", ExitCode.EXCEPTION: "+ n: exception n",
}  # fmt: skip


def _mask_bits(mask: int) -> str:
    lsb = (mask & -mask).bit_length() - 1
    return bits(lsb, (mask >> lsb).bit_length())


def vmcb_page() -> str:
    """The page."""
    lines = [
        "# The VMCB, exits and MSRs", "",
        "Made from `contracts/` by `make docs`. Offsets and encodings are those of the AMD64 Architecture Programmer's Manual, volume 2, "
        "chapter 15 and appendices B and C; this page lists what the declarations name. Fields that 32-bit legacy mode does not use keep "
        "their place.", "",
        "## Control area", "",
    ]  # fmt: skip
    plain = sorted((f for f in FIELDS.values() if f.offset < CONTROL_SIZE), key=lambda f: f.offset)
    lines += table(("offset", "bytes", "field"), ((hexadecimal(f.offset, 3), f.size, f"`{f.name}`") for f in plain))
    lines += ["## State save area", "", "Segments, 16 bytes each:", ""]
    lines += table(("offset", "segment"), ((hexadecimal(at, 3), f"`{name}`") for name, at in SEGMENTS.items()))
    lines += table(("offset in a segment", "part"), ((int(p), f"`{p.name}`") for p in SegmentPart))
    names = {f"{s}_{p.name}" for s in SEGMENTS for p in SegmentPart}
    saved = sorted((f for f in FIELDS.values() if f.offset >= CONTROL_SIZE and f.name not in names), key=lambda f: f.offset)
    lines += table(("offset", "bytes", "field"), ((hexadecimal(f.offset, 3), f.size, f"`{f.name}`") for f in saved))
    lines += ["## Intercept bits", "", "`INTERCEPT_GENERAL1` (00Ch):", ""]
    lines += table(
        ("bit", "event"), ((int(b), f"`{b.name}`" + (": not built, VMRUN exits with INVALID" if b in NOT_BUILT else "")) for b in General1)
    )
    lines += ["`INTERCEPT_GENERAL2` (010h):", ""]
    lines += table(("bit", "event"), ((int(b), f"`{b.name}`") for b in General2))
    lines += ["## Exit codes", ""]
    lines += table(("code", "name", ""), ((hexadecimal(c, 3), f"`{c.name}`", _FAMILIES.get(c, "")) for c in ExitCode))
    lines += ["An invalid VMCB exits with −1 in all 64 bits.", "", "## INT_CONTROL", ""]
    lines += table(("bits", "name"), ((_mask_bits(f.value), f"`{f.name}`") for f in InterruptControl.__members__.values()))
    lines += ["## EVENTINJ and EXITINTINFO", ""]
    lines += ["Vector in bits 7:0, type in 10:8, error code valid in 11, valid in 31, error code in 63:32.", ""]
    lines += table(("type", "name"), ((int(t), f"`{t.name}`") for t in EventType))
    lines += ["## TLB_CONTROL", "", *table(("value", "flushes"), ((int(t), f"`{t.name}`") for t in TlbControl))]
    lines += ["## MSRs", "", "Any other raises #GP.", ""]
    lines += table(("number", "name"), ((hexadecimal(n, 8), f"`{n.name}`") for n in Msr))
    for name, flags in (("EFER", Efer), ("VM_CR", VmCr)):
        lines += [f"Bits of `{name}`:", "", *table(("bit", "name"), ((f.value.bit_length() - 1, f"`{f.name}`") for f in flags))]
    return "\n".join(lines).rstrip() + "\n"
