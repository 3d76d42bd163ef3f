"""C and assembler headers made from ``contracts/``: nothing of a shared layout is typed twice.

One header of plain ``#define`` lines serves C, and assembler sources that go through the C preprocessor (``.S``). Names are
``<GROUP>_<NAME>``; a register's field gives its mask, and ``_SHIFT`` its lowest bit.

Run as a program it writes the header: ``python -m firmware.headers build/include/ringfence.h``.
"""

import struct
import sys
from collections.abc import Iterable, Iterator
from enum import IntEnum, IntFlag
from pathlib import Path

from contracts import (
    attestation,
    boot,
    display,
    dma_engine,
    event_log,
    exit_codes,
    host_link,
    hypercalls,
    ide,
    late_launch,
    memory_map,
    msr,
    pci,
    policy_map,
    ps2,
    requesters,
    sealed_storage,
    secure_loader,
    tpm,
    vmcb,
)
from contracts.registers import RegisterBlock

__all__ = ["HEADER_NAME", "defines", "guard_header_text", "header_text", "write_header"]

HEADER_NAME = "ringfence.h"

Define = tuple[str, str]


def _number(value: int) -> str:
    """A literal that C and the assembler both read; small ones in decimal, negative ones in brackets."""
    if value < 0:
        return f"({value})"
    return str(value) if value < 10 else f"0x{value:X}"


def _enum(prefix: str, members: type[IntEnum] | type[IntFlag]) -> Iterator[Define]:
    for name, member in members.__members__.items():
        yield f"{prefix}_{name}", _number(int(member))


def _bit_masks(prefix: str, members: type[IntEnum]) -> Iterator[Define]:
    """Enumerations of bit numbers: the number as ``_BIT``, the mask under the plain name."""
    for name, member in members.__members__.items():
        yield f"{prefix}_{name}_BIT", _number(int(member))
        yield f"{prefix}_{name}", _number(1 << int(member))


def _block(block: RegisterBlock) -> Iterator[Define]:
    for register in block.registers:
        name = f"{block.name}_{register.name}"
        yield name, _number(register.offset)
        if register.count > 1:
            yield f"{name}_STRIDE", _number(register.stride)
            yield f"{name}_COUNT", _number(register.count)
        for f in register.fields:
            yield f"{name}_{f.name}", _number(f.mask)
            yield f"{name}_{f.name}_SHIFT", _number(f.lsb)


def _vmcb() -> Iterator[Define]:
    yield "VMCB_SIZE", _number(vmcb.SIZE)
    for f in vmcb.FIELDS.values():
        yield f"VMCB_{f.name}", _number(f.offset)
    yield from _enum("VMCB_SEGMENT", vmcb.SegmentPart)
    yield from _enum("INTERCEPT_CR", vmcb.CrIntercept)
    yield from _bit_masks("INTERCEPT1", vmcb.General1)
    yield from _bit_masks("INTERCEPT2", vmcb.General2)
    yield from _enum("TLB", vmcb.TlbControl)
    yield from _enum("INT_CONTROL", vmcb.InterruptControl)
    yield from _enum("EVENT_TYPE", vmcb.EventType)
    yield "EVENT_TYPE_SHIFT", "8"
    yield "EVENT_ERROR_VALID", _number(vmcb.EVENT_ERROR_VALID)
    yield "EVENT_VALID", _number(vmcb.EVENT_VALID)


def _pci() -> Iterator[Define]:
    for f in pci.CONFIG_ADDRESS.fields:
        yield f"PCI_{pci.CONFIG_ADDRESS.name}_{f.name}", _number(f.mask)
        yield f"PCI_{pci.CONFIG_ADDRESS.name}_{f.name}_SHIFT", _number(f.lsb)
    for function in pci.FUNCTIONS:
        yield f"PCI_{function.name}", _number(function.select(0))
        yield f"PCI_{function.name}_ID", _number(function.words[pci.ConfigOffset.VENDOR_ID].reset)
    yield from _enum("PCI_CONFIG", pci.ConfigOffset)
    yield from _enum("PCI_COMMAND", pci.Command)
    yield from _enum("PCI_IDE_TIMING", pci.IdeTiming)
    yield "PCI_BAR_IO_SPACE", _number(pci.BAR_IO_SPACE)
    yield "PCI_BAR_IO_MASK", _number(pci.BAR_IO_MASK)


def _ide() -> Iterator[Define]:
    yield "IDE_SECTOR_SIZE", _number(ide.SECTOR_SIZE)
    yield "IDE_REQUESTER", _number(ide.IDE_REQUESTER)
    yield "IDE_PRD_SIZE", _number(ide.PRD_SIZE)
    for prefix, members in (
        ("IDE", ide.TaskFile), ("IDE_STATUS", ide.Status), ("IDE_ERROR", ide.Error), ("IDE_DEVICE", ide.Device),
        ("IDE_CONTROL", ide.Control), ("ATA", ide.Ata), ("ATA_FEATURE", ide.Feature), ("ATA_MODE", ide.TransferMode),
        ("ATA_IDENTIFY", ide.IdentifyWord), ("BMIDE", ide.BusMasterPort), ("BMIDE_COMMAND", ide.BusMasterCommand),
        ("BMIDE_STATUS", ide.BusMasterStatus), ("PRD", ide.PrdWord), ("PRD_FLAG", ide.PrdFlag),
    ):  # fmt: skip
        yield from _enum(prefix, members)


def _ps2() -> Iterator[Define]:
    yield "KBC_SELF_TEST_PASSED", _number(ps2.SELF_TEST_PASSED)
    yield "KBC_PORT_PASSED", _number(ps2.PORT_PASSED)
    yield "KEYBOARD_ID_FIRST", _number(ps2.KEYBOARD_ID[0])
    yield "KEYBOARD_ID_SECOND", _number(ps2.KEYBOARD_ID[1])
    yield "KEYBOARD_CODE_SET", _number(ps2.SCAN_CODE_SET)
    yield "KEYBOARD_RELEASE", _number(ps2.RELEASE)
    yield "MOUSE_ID", _number(ps2.MOUSE_ID)
    for prefix, members in (
        ("KBC_STATUS", ps2.KbcStatus), ("KBC_COMMAND_BYTE", ps2.CommandByte), ("KBC_OUTPUT", ps2.OutputPort), ("KBC", ps2.KbcCommand),
        ("PS2", ps2.Ps2Answer), ("KEYBOARD", ps2.KeyboardCommand), ("MOUSE", ps2.MouseCommand), ("MOUSE_PACKET", ps2.PacketFlag),
    ):  # fmt: skip
        yield from _enum(prefix, members)


def _display() -> Iterator[Define]:
    for name in ("COLUMNS", "ROWS", "SCREEN_BYTES", "SCREEN_WINDOW"):
        yield f"VGA_{name}", _number(getattr(display, name))
    for prefix, members in (
        ("VGA", display.VgaPort), ("VGA_STATUS", display.InputStatus), ("CRTC", display.CrtcIndex),
        ("CRTC_CURSOR_START", display.CursorStart), ("VGA_ATTRIBUTE", display.AttributeIndex),
        ("VGA_ATTRIBUTE_MODE", display.AttributeMode),
    ):  # fmt: skip
        yield from _enum(prefix, members)
    yield from _block(display.TRUSTED_LINE)


def _guard() -> tuple[str, list[Define]]:
    return (
        "Policy map and DMA guard (contracts/policy_map.py)",
        [
            *_enum("FORMAT", policy_map.Format),
            ("MAX_DMA_REQUESTERS", _number(policy_map.MAX_DMA_REQUESTERS)),
            *_block(policy_map.GUARD),
        ],
    )


def _words(prefix: str, value: bytes) -> Iterator[Define]:
    """Bytes as they lie in memory, a word each: the number of the word is a part of the name."""
    for n, (word,) in enumerate(struct.iter_unpack("<I", value)):
        yield f"{prefix}{n}", _number(word)


def _launch() -> Iterator[Define]:
    yield "BLOCK_SIZE", _number(late_launch.BLOCK_SIZE)
    yield "BLOCK_MEASURED_LIMIT", _number(secure_loader.MEASURED_LIMIT)
    yield "BLOCK_MAP", _number(secure_loader.MAP_OFFSET)
    yield "BLOCK_LOG", _number(secure_loader.LOG_OFFSET)
    yield "STUB_LIMIT", _number(secure_loader.STUB_LIMIT)
    yield from _enum("BLOCK", secure_loader.Parameter)
    yield from _enum("BLOCK", secure_loader.Record)
    yield from _enum("LOADER", secure_loader.LoaderStatus)
    yield from _words("EVENT_LOG_HEADER", event_log.HEADER)
    yield "EVENT_LOG_HEADER_SIZE", _number(event_log.HEADER_SIZE)
    yield from _enum("EVENT", event_log.EventKind)
    yield from _words("EVENT_DEVELOPMENT_DIGEST", event_log.DEVELOPMENT.digest)
    yield from _enum("PCR", event_log.Pcr)


def _groups() -> Iterator[tuple[str, Iterable[Define]]]:
    ram = memory_map.RamLayout()
    yield (
        "Memory map (contracts/memory_map.py)",
        [
            ("PAGE_SIZE", _number(memory_map.PAGE_SIZE)),
            ("RAM_SIZE", _number(ram.size)),
            ("KERNEL_BASE", _number(ram.kernel_base)),
            *_enum("PHYSICAL", memory_map.Physical),
            ("DMA_ENGINE_STRIDE", _number(memory_map.DMA_ENGINE_STRIDE)),
            *_enum("PORT", memory_map.Port),
            *_enum("IRQ", memory_map.Irq),
        ],
    )
    yield (
        "Boot block (contracts/boot.py)",
        [
            ("BOOT_ADDRESS", _number(boot.BOOT_ADDRESS)),
            ("BOOT_MAGIC", _number(boot.BOOT_MAGIC)),
            ("MULTIBOOT_BOOTLOADER_MAGIC", _number(boot.MULTIBOOT_BOOTLOADER_MAGIC)),
            ("MULTIBOOT_INFO", _number(boot.MULTIBOOT_INFO)),
            *_enum("BOOT_BLOCK", boot.BootBlock),
            *_enum("BOOT_FLAG", boot.BootFlag),
        ],
    )
    yield "Requesters (contracts/requesters.py)", _enum("REQUESTER", requesters.Requester)
    yield (
        "Model-specific registers (contracts/msr.py)",
        [
            *_enum("MSR", msr.Msr),
            *_enum("EFER", msr.Efer),
            *_enum("VM_CR", msr.VmCr),
            ("IOPM_SIZE", _number(msr.IOPM_SIZE)),
            ("MSRPM_SIZE", _number(msr.MSRPM_SIZE)),
        ],
    )
    yield "VMCB (contracts/vmcb.py)", _vmcb()
    yield (
        "Exit codes (contracts/exit_codes.py); the low word of INVALID",
        [
            *_enum("EXIT", exit_codes.ExitCode),
            ("EXIT_INVALID", _number(exit_codes.INVALID & 0xFFFF_FFFF)),
        ],
    )
    yield (
        "Hypercalls (contracts/hypercalls.py)",
        [
            *_enum("CPUID_LEAF", hypercalls.CpuidLeaf),
            *_enum("STATUS", hypercalls.Status),
            *_enum("HYPERCALL", hypercalls.Hypercall),
            ("MAX_MESSAGE", _number(hypercalls.MAX_MESSAGE)),
            ("IDENTITY_SIZE", _number(hypercalls.IDENTITY_SIZE)),
            ("SEALED_READERS", _number(sealed_storage.MAX_READERS)),
            ("NONCE_SIZE", _number(attestation.NONCE_SIZE)),
            ("GUEST_DATA_SIZE", _number(attestation.GUEST_DATA_SIZE)),
            ("ATTEST_REQUEST", _number(int.from_bytes(attestation.REQUEST, "little"))),
        ],
    )
    yield _guard()
    yield (
        "DMA engines (contracts/dma_engine.py)",
        [
            *_enum("DESCRIPTOR_WORD", dma_engine.DescriptorWord),
            ("DESCRIPTOR_SIZE", _number(dma_engine.DESCRIPTOR_SIZE)),
            *_enum("DESCRIPTOR_FLAG", dma_engine.DescriptorFlag),
            *_block(dma_engine.DMA_ENGINE),
        ],
    )
    yield "PCI configuration (contracts/pci.py)", _pci()
    yield "IDE controller and drive (contracts/ide.py)", _ide()
    yield "Keyboard controller, keyboard and mouse (contracts/ps2.py)", _ps2()
    yield "Display (contracts/display.py)", _display()
    yield (
        "TPM (contracts/tpm.py)",
        [
            ("TPM_LOCALITY_STRIDE", _number(tpm.LOCALITY_STRIDE)),
            *_block(tpm.TPM),
            *_block(tpm.TPM_HASH),
        ],
    )
    yield "Late launch (contracts/late_launch.py, secure_loader.py, event_log.py)", _launch()
    yield (
        "Host link (contracts/host_link.py)",
        [
            *_enum("STUB", host_link.StubCommand),
            *_enum("VCPU", host_link.VcpuBlock),
            *_block(host_link.HOST_LINK),
        ],
    )


def defines() -> dict[str, int]:
    """Every name of the header with its value; ValueError if two groups claim one name."""
    found: dict[str, int] = {}
    for _, group in _groups():
        for name, text in group:
            if name in found:
                raise ValueError(f"{name} is defined twice")
            found[name] = int(text.strip("()"), 0)
    return found


def _text(mark: str, groups: Iterable[tuple[str, Iterable[Define]]]) -> str:
    """A header that includes once."""
    lines = ["/* Made from contracts/ by firmware/headers.py: do not edit. */", f"#ifndef {mark}", f"#define {mark}"]
    for title, group in groups:
        lines += ["", f"/* {title} */"]
        lines += [f"#define {name:<40} {text}" for name, text in group]
    return "\n".join([*lines, "", "#endif", ""])


def header_text() -> str:
    """The header."""
    defines()
    return _text("RINGFENCE_H", _groups())


def guard_header_text() -> str:
    """A header of the DMA guard alone, for designs that take it in."""
    return _text("RINGFENCE_DMA_GUARD_H", [("Requesters (contracts/requesters.py)", _enum("REQUESTER", requesters.Requester)), _guard()])


def write_header(directory: Path) -> Path:
    """Write ``ringfence.h`` into ``directory`` unless it already says the same; its path."""
    path = directory / HEADER_NAME
    text = header_text()
    if not path.exists() or path.read_text() != text:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def main(arguments: list[str]) -> int:
    """Write the header to the path given."""
    if len(arguments) != 1:
        print("usage: python -m firmware.headers FILE", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
