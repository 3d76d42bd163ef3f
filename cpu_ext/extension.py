"""Ring −1 as the core is handed it: opcode rows, microprograms, MSRs, CPUID leaves, names."""

from collections.abc import Mapping
from pathlib import Path

from amaranth.lib import wiring

from contracts.late_launch import BLOCK_SIZE, LaunchCycle
from contracts.memory_map import PAGE_SIZE
from contracts.msr import IOPM_SIZE, MSRPM_RANGE_LENGTH, MSRPM_RANGES, MSRPM_SIZE, Efer, Msr, VmCr
from contracts.vmcb import (
    EVENT_ERROR_VALID,
    EVENT_TYPE_LSB,
    EVENT_TYPE_MASK,
    EVENT_VALID,
    EVENT_VECTOR_MASK,
    EXCEPTION_VECTORS,
    FIELDS,
    EventType,
    General1,
    InterruptControl,
)
from cpu_ext.plug import RingMinus1
from cpu_ext.special import Host, Own, Point
from rtl.arch.exceptions import Vector
from rtl.arch.registers import Segment
from rtl.microcode.uop import InterceptPoint
from rtl.seam import CoreParams, CpuidLeaf, MsrRow, Row

__all__ = ["NOT_BUILT", "Svm"]

NOT_BUILT: tuple[General1, ...] = (General1.TASK_SWITCH,)
"""Intercepts whose exit is not built although the event may be asked for: VMRUN exits with VMEXIT_INVALID."""

_INSTRUCTIONS = ("vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga")  # 0F 01 D8 to DF
_GROUP7 = 0x0F01
_GROUP7_SVM = 3
_SVM_FEATURE, _SKINIT_FEATURE = 1 << 2, 1 << 12  # CPUID 8000_0001 ECX
_NRIPS, _FLUSH_BY_ASID = 1 << 3, 1 << 6  # CPUID 8000_000A EDX
_SVM_REVISION = 1
_HOST_SEGMENTS = (Segment.ES, Segment.CS, Segment.SS, Segment.DS)


class Svm:
    """An :class:`rtl.seam.Extension`."""

    def __init__(self, params: CoreParams | None = None) -> None:
        self._params = params or CoreParams.default()

    @property
    def rows(self) -> tuple[Row, ...]:
        """0F 01 D8 to DF; all are #UD in real mode."""
        return tuple(
            Row(_GROUP7, name, None, modrm=True, reg=_GROUP7_SVM, rm=n, protected_only=name != "vmmcall")
            for n, name in enumerate(_INSTRUCTIONS)
        )

    @property
    def sources(self) -> tuple[Path, ...]:
        """The microprograms of this folder."""
        return tuple(sorted((Path(__file__).parent / "programs").glob("*.uasm")))

    @property
    def msrs(self) -> tuple[MsrRow, ...]:
        """EFER, VM_CR, VM_HSAVE_PA."""
        return (
            MsrRow(int(Msr.EFER), "read_msr_efer", "write_msr_efer"),
            MsrRow(int(Msr.VM_CR), "read_msr_vm_cr", "write_msr_vm_cr"),
            MsrRow(int(Msr.VM_HSAVE_PA), "read_msr_hsave", "write_msr_hsave"),
        )

    @property
    def cpuid(self) -> tuple[CpuidLeaf, ...]:
        """SVM and SKINIT, revision 1, as many ASIDs as the TLB tells apart, next RIP, flush by ASID."""
        return (
            CpuidLeaf(0x8000_0000),
            CpuidLeaf(0x8000_0001, ecx=_SVM_FEATURE | _SKINIT_FEATURE),
            CpuidLeaf(0x8000_000A, eax=_SVM_REVISION, ebx=1 << self._params.asid_width, edx=_NRIPS | _FLUSH_BY_ASID),
        )

    @property
    def specials(self) -> Mapping[str, int]:
        """Host words (``host_cs_base``, ``host_cr3``, ``vmcb_pa`` …) and own registers by name."""
        names: dict[str, int] = {own.name.lower(): int(own) for own in Own}
        for part in (Host.SELECTOR, Host.BASE, Host.LIMIT, Host.ATTRIBUTES):
            names |= {f"host_{s.name}_{part.name}".lower(): int(part) + int(s) for s in _HOST_SEGMENTS}
        saved = {Host.GDTR_BASE, Host.GDTR_LIMIT, Host.IDTR_BASE, Host.IDTR_LIMIT, Host.EFLAGS, Host.EIP, Host.EAX, Host.ESP}
        saved |= {Host.CR0, Host.CR3, Host.CR4, Host.EFER}
        return names | {
            (f"host_{h.name}" if h in saved else h.name).lower(): int(h)
            for h in Host
            if h.name not in ("SELECTOR", "BASE", "LIMIT", "ATTRIBUTES")
        }

    @property
    def functions(self) -> Mapping[str, int]:
        """None: ring −1 needs no function unit of its own."""
        return {}

    @property
    def points(self) -> Mapping[str, InterceptPoint]:
        """Own intercept points."""
        return {p.name.lower(): InterceptPoint(int(p)) for p in Point}

    @property
    def constants(self) -> Mapping[str, int]:
        """Offsets of the VMCB (segments by their field's name, the rest with ``_OFFSET``), MSR bits, ASIDs."""
        names = {n: f.offset for n, f in FIELDS.items()} | {f"{n}_OFFSET": f.offset for n, f in FIELDS.items()}
        names |= {"IOPM_OFFSET": FIELDS["IOPM_BASE_PA"].offset, "MSRPM_OFFSET": FIELDS["MSRPM_BASE_PA"].offset}
        names |= {"EFER_SVME": int(Efer.SVME), "ASID_MASK": (1 << self._params.asid_width) - 1, "V_IRQ": int(InterruptControl.V_IRQ)}
        names |= {f"VM_CR_{b.name}": int(b) for b in VmCr} | {
            "VM_CR_ALL": int(~VmCr(0)),
            "VM_CR_FREE": int(VmCr.DPD | VmCr.R_INIT | VmCr.DIS_A20M),
        }
        names |= {"IOPM_BEYOND": (1 << 32) - IOPM_SIZE + 1, "MSRPM_BEYOND": (1 << 32) - MSRPM_SIZE + 1}  # no page from here on begins one
        names |= {"MSRPM_RANGE": MSRPM_RANGE_LENGTH, "PAGE_OFFSET": PAGE_SIZE - 1, "PAGE_FRAME": ~(PAGE_SIZE - 1)}
        for number, (first, byte) in enumerate(MSRPM_RANGES):
            names |= {f"MSRPM_FIRST_{number}": first, f"MSRPM_BYTE_{number}": byte}
        names |= {"EVENT_VALID": EVENT_VALID, "EVENT_SAID": EVENT_VALID | EVENT_ERROR_VALID | EVENT_TYPE_MASK | EVENT_VECTOR_MASK}
        names |= {"EVENT_VECTOR": EVENT_VECTOR_MASK, "NMI": int(Vector.NMI)}
        names |= {f"EVENT_{kind.name}": kind << EVENT_TYPE_LSB for kind in EventType} | {"EVENT_TYPE": EVENT_TYPE_MASK}
        names |= {"EXCEPTIONS": sum(1 << vector for vector in EXCEPTION_VECTORS)}
        names |= {f"LAUNCH_{cycle.name}": int(cycle) for cycle in LaunchCycle} | {"BLOCK_SIZE": BLOCK_SIZE, "BLOCK_BASE": -BLOCK_SIZE}
        names["GENERAL1_NOT_BUILT"] = sum(1 << int(b) for b in NOT_BUILT)
        return names

    def build(self, params: CoreParams, labels: Mapping[str, int]) -> wiring.Component:
        """The component behind the seam."""
        return RingMinus1(params, labels)
