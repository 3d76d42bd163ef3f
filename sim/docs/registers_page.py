"""``docs/registers.md``: the physical address space, ports and interrupt lines, and every register block of the machine."""

from collections.abc import Iterable, Mapping

from contracts.boot import BOOT_ADDRESS, MULTIBOOT_INFO, BootBlock
from contracts.display import TRUSTED_LINE
from contracts.dma_engine import DESCRIPTOR_SIZE, DMA_ENGINE, DescriptorFlag, DescriptorWord
from contracts.host_link import HOST_LINK, LinkOp, StubCommand, VcpuBlock
from contracts.hypercalls import CpuidLeaf, Hypercall, Status
from contracts.memory_map import DMA_ENGINE_STRIDE, Irq, Physical, Port, RamLayout
from contracts.policy_map import GUARD, Format
from contracts.registers import Field, Register, RegisterBlock
from contracts.requesters import Requester
from contracts.tpm import LOCALITY_STRIDE, TPM, TPM_HASH, HashOp, TpmOp
from sim.docs.markdown import bits, hexadecimal, table

__all__ = ["block_section", "registers_page"]

_ADDRESS = 8


def _field_rows(register: Register) -> Iterable[tuple[object, ...]]:
    fields: tuple[Field, ...] = register.fields
    return ((bits(f.lsb, f.width), f"`{f.name}`", f.doc) for f in sorted(fields, key=lambda f: f.lsb))


def _offset(register: Register) -> str:
    first = hexadecimal(register.offset, 3)
    if register.count == 1:
        return first
    return f"{first} + {register.stride} n, n < {register.count}"


def _row(r: Register, reset: str, *, sized: bool) -> tuple[object, ...]:
    return (_offset(r), *((r.size,) if sized else ()), f"`{r.name}`", r.access.value, reset, r.doc)


def block_section(block: RegisterBlock, where: str, *, doc: str | None = None, resets: Mapping[str, str] | None = None) -> list[str]:
    """A section on one block; ``where`` says at which address it is, in a sentence. ``doc`` : in place of the block's own.
    ``resets``: what registers hold after reset, by name, where the declaration does not know it."""
    resets = resets or {}
    how = "Any bytes of a word can be accessed by themselves."
    if not block.by_byte:
        how = "Registers are 32 bits wide and are accessed as whole words."
    head = ("offset", *(("bytes",) if block.by_byte else ()), "register", "access", "reset", "")
    lines = [f"## {block.name}", "", f"{block.doc if doc is None else doc} {where} {how}", ""]
    lines += table(head, (_row(r, resets.get(r.name, hexadecimal(r.reset)), sized=block.by_byte) for r in block.registers))
    for register in block.registers:
        if register.fields:
            lines += [f"### {block.name}.{register.name}", ""]
            lines += table(("bits", "field", ""), _field_rows(register))
    return lines


def registers_page() -> str:
    """The page."""
    ram = RamLayout()
    lines = [
        "# Registers and the memory map", "",
        "Made from `contracts/` by `make docs`; a test holds the page to the declarations. Numbers that end in h are hexadecimal.", "",
        "## Physical addresses", "",
    ]  # fmt: skip
    lines += table(("address", "what"), ((hexadecimal(p, _ADDRESS), f"`{p.name}`") for p in sorted(Physical)))
    lines += [
        f"RAM starts at 0; in the default layout it has {ram.size >> 20} MiB, of which ring −1 keeps the last {ram.kernel_size >> 20} MiB, "
        f"from {hexadecimal(ram.kernel_base, _ADDRESS)} on, the stub's {ram.stub_size >> 10} KiB first.", "",
        "## I/O ports", "",
    ]  # fmt: skip
    lines += table(("first port", "device"), ((hexadecimal(p), f"`{p.name}`") for p in sorted(Port)))
    lines += ["## Interrupt lines", ""]
    lines += table(("line", "device"), ((int(i), f"`{i.name}`") for i in sorted(Irq)))
    lines += ["## Requesters", "", "The number that every bus request carries; requester n of the policy registers is `DMA0` + n.", ""]
    lines += table(("number", "requester"), ((int(r), f"`{r.name}`") for r in sorted(Requester)))
    lines += ["## Formats of the policy map", "", "1 means accessible. Bit k of a map is bit k & 7 of byte k >> 3.", ""]
    lines += table(("`FORMAT`", "name"), ((int(f), f"`{f.name}`") for f in Format))
    found = {"CAPABILITY": "as built", "DEVICE_IDLE": "as it is"}
    lines += block_section(GUARD, f"At {hexadecimal(Physical.GUARD, _ADDRESS)}.", resets=found)
    lines += block_section(DMA_ENGINE, f"Engine n at {hexadecimal(Physical.DMA_ENGINES, _ADDRESS)} + {hexadecimal(DMA_ENGINE_STRIDE)} n.")
    lines += [f"### Descriptors of {DMA_ENGINE.name}", "", f"{DESCRIPTOR_SIZE} bytes in memory, as aligned.", ""]
    lines += table(("offset", "word"), ((hexadecimal(4 * w, 2), f"`{w.name}`") for w in DescriptorWord))
    lines += table(("bit of `FLAGS`", "name"), ((f.value.bit_length() - 1, f"`{f.name}`") for f in DescriptorFlag))
    at = f"{hexadecimal(Physical.TPM, _ADDRESS)} + {hexadecimal(LOCALITY_STRIDE)}"
    lines += block_section(TPM, f"Locality n, 0 to 3, at {at} n.")
    lines += block_section(TPM_HASH, f"At {at} · 4.")
    for title, operations in (("What a late launch sends", HashOp), ("What the register file asks of the TPM behind it", TpmOp)):
        lines += [f"### {title}", "", *table(("number", "name"), ((int(n), f"`{n.name}`") for n in operations))]
    lines += block_section(TRUSTED_LINE, f"At {hexadecimal(Physical.TRUSTED_LINE, _ADDRESS)}.")
    lines += block_section(HOST_LINK, f"At {hexadecimal(Physical.HOST_LINK, _ADDRESS)}.")
    for title, numbers in (("Operations of the host link", LinkOp), ("Commands of the stub", StubCommand)):
        lines += [f"### {title}", "", *table(("number", "name"), ((int(n), f"`{n.name}`") for n in numbers))]
    lines += ["### The vCPU block", "", "Two pages: the VMCB, then what VMRUN does not switch.", ""]
    lines += table(("offset", "word"), ((hexadecimal(w, 4), f"`{w.name}`") for w in VcpuBlock))
    lines += ["## The boot block", ""]
    lines += [
        f"At {hexadecimal(BOOT_ADDRESS)}, for the reset ROM; our loaders put the multiboot information at {hexadecimal(MULTIBOOT_INFO)}.",
        "",
    ]
    lines += table(("offset", "word"), ((hexadecimal(w, 2), f"`{w.name}`") for w in BootBlock if w.name != "SIZE"))
    lines += ["## What a guest may ask of the kernel", "", "VMMCALL with the number in EAX; arguments in EBX, ECX, EDX, ESI.", ""]
    lines += table(("EAX", "call"), ((int(h), f"`{h.name}`") for h in Hypercall))
    lines += table(("result", "name"), ((int(s), f"`{s.name}`") for s in Status))
    lines += table(("CPUID leaf", "name"), ((hexadecimal(n), f"`{n.name}`") for n in CpuidLeaf))
    return "\n".join(lines).rstrip() + "\n"
