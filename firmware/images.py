"""What firmware there is, and of which sources each image is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from contracts import secure_loader
from firmware.bench.dhrystone_source import dhrystone_sources
from firmware.guests.attacks import ATTACK_HEADER, attack_header
from firmware.guests.bank_header import BANK_HEADER, bank_header
from firmware.guests.layout import LAYOUT_HEADER, layout_header
from firmware.launcher.steps import STEPS_HEADER, steps_header

__all__ = ["IMAGES", "Image", "Kind"]

_ROOT = Path(__file__).parent
_FETCHED = _ROOT.parent / "build" / "firmware" / "fetched"


class Kind(Enum):
    """What an image is."""

    ELF = "32-bit multiboot ELF"
    RAW = "plain bytes"


def _no_headers() -> dict[str, str]:
    return {}


def _layout() -> dict[str, str]:
    return {LAYOUT_HEADER: layout_header()}


def _attacks() -> dict[str, str]:
    return {**_layout(), ATTACK_HEADER: attack_header()}


def _steps() -> dict[str, str]:
    return {STEPS_HEADER: steps_header()}


def _bank() -> dict[str, str]:
    return {BANK_HEADER: bank_header()}


def _dhrystone() -> list[Path]:
    return dhrystone_sources(_FETCHED, _ROOT / "bench" / "dhrystone" / "strings.c")


def _nothing_fetched() -> list[Path]:
    return []


@dataclass(frozen=True)
class Image:
    """One image. Paths are relative to ``firmware/``; ``defines`` are preprocessor names."""

    name: str
    sources: tuple[str, ...]
    script: str = "lib/multiboot.ld"
    kind: Kind = Kind.ELF
    defines: Mapping[str, str | int] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    headers: Callable[[], dict[str, str]] = _no_headers
    includes: tuple[str, ...] = ()  # folders of headers
    fetched: Callable[[], list[Path]] = _nothing_fetched  # sources that are downloaded, pinned by hash

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders whose files decide whether it must be built again."""
        return tuple(sorted({*(str(Path(p).parent) for p in (*self.sources, self.script)), *self.includes}))

    @property
    def is_local(self) -> bool:
        """Whether it builds without the network."""
        return self.fetched is _nothing_fetched

    def include_paths(self) -> list[Path]:
        """Folders of headers beyond ``firmware/`` itself."""
        return [*(_ROOT / name for name in self.includes), *sorted({p.parent for p in self.fetched()})]


def _places() -> tuple[str, ...]:
    """What the secure loader's linker script has to know of ``contracts.secure_loader``."""
    places = {
        "MEASURED_LIMIT": secure_loader.MEASURED_LIMIT,
        "SCRATCH": secure_loader.SCRATCH_OFFSET,
        "RECORD": secure_loader.Record.STATUS,
    }
    return tuple(f"-Wl,--defsym={name}={int(value):#x}" for name, value in places.items())


_LIBRARY = ("lib/start.S", "lib/platform.c", "lib/memory.c", "lib/string.c")
_KERNEL = (*_LIBRARY, "lib/pic.c", *(f"guests/kernel/{n}" for n in ("traps.S", "traps.c", "paging.c", "process.c", "dma.c")))
_SENSITIVE = (*_LIBRARY, "lib/pic.c", *(f"guests/sensitive/{n}" for n in ("traps.S", "gates.c", "observe.c")))
_BIOS = 0xA0_0000  # not where systems are loaded
_BANK = ("lib/sha256.c", *(f"guests/bank/{n}.c" for n in ("message", "account", "keys", "session")))
_ATTACKER = ("main", "life", "memory", "tables", "dma", "revoke", "ring_minus_1", "ports", "time", "calls")

_ALL = (
    Image("reset_rom", ("reset_rom/reset.S",), "reset_rom/rom.ld", Kind.RAW),
    Image("stub", ("stub/stub.S",), "stub/stub.ld", Kind.RAW),
    Image(
        "secure_loader",
        ("secure_loader/entry.S", "secure_loader/loader.c", "secure_loader/tpm.c", "lib/sha256.c", "lib/memory.c"),
        "secure_loader/block.ld",
        Kind.RAW,
        flags=("-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", *_places()),
    ),
    Image("launcher", (*_LIBRARY, "launcher/main.c")),
    Image("hostile_launcher", (*_LIBRARY, "launcher/hostile.c"), headers=_steps),
    Image(
        "stub_test", (*_LIBRARY, "stub/stub.S", "stub/test.c", "lib/pic.c", "lib/vmcb.c"), defines={"READ_MAILBOX": "call scripted_kernel"}
    ),
    Image("mass_market", (*_KERNEL, "guests/mass_market/main.c", "guests/mass_market/user.c")),
    Image(
        "trusted",
        (*_LIBRARY, "lib/sha256.c", *(f"guests/trusted/{n}" for n in ("main.c", "pages.c"))),
        "guests/trusted/trusted.ld",
        flags=("-O2", "-fdata-sections"),
        headers=_layout,
    ),
    Image("attacker", (*_KERNEL, *(f"guests/attacker/{n}.c" for n in _ATTACKER)), flags=("-fdata-sections",), headers=_attacks),
    Image("disk", (*_KERNEL, "lib/pci.c", "guests/kernel/ide.c", "guests/disk/main.c", "guests/disk/taken.c"), headers=_layout),
    Image("vault", (*_LIBRARY, "lib/sealed.c", "lib/sha256.c", "guests/vault/main.c")),
    Image(
        "disk_driver",
        (
            *_LIBRARY,
            "lib/pic.c",
            "lib/pci.c",
            "lib/channel.c",
            "guests/kernel/traps.S",
            "guests/kernel/traps.c",
            "guests/kernel/ide.c",
            *(f"guests/disk_driver/{n}.c" for n in ("main", "clients", "requests")),
        ),
    ),
    Image("disk_client", (*_LIBRARY, "lib/channel.c", "lib/virtual_disk.c", *(f"guests/disk_client/{n}.c" for n in ("main", "attacks")))),
    Image("channel", (*_KERNEL, "guests/channel/main.c")),
    Image("channel_bench", (*_LIBRARY, "lib/channel.c", "guests/channel_bench/main.c")),
    Image(
        "bank",
        (*_LIBRARY, "lib/pic.c", "lib/sealed.c", *_BANK, *(f"guests/bank/{n}.c" for n in ("keyboard", "screen", "face", "main"))),
        flags=("-O2",),
        headers=_bank,
    ),
    Image("market", (*_KERNEL, *(f"guests/market/{n}.c" for n in ("main", "attacks"))), headers=_bank),
    Image("lying_bios", (*_LIBRARY, "launcher/hostile.c"), flags=(f"-Wl,--defsym=IMAGE_BASE={_BIOS:#x}",), headers=_steps),
    Image("bank_host", ("lib/memory.c", *_BANK, "guests/bank/host.c"), flags=("-O2",), headers=_bank),
    Image("sensitive", (*_SENSITIVE, "guests/sensitive/ring0.c")),
    Image("sensitive_ring1", (*_SENSITIVE, "guests/sensitive/ring1.c")),
    Image("vmrun_round_trip", (*_LIBRARY, "lib/vmcb.c", "bench/vmrun_round_trip.c")),
    Image("dma_throughput", (*_KERNEL, "bench/dma_throughput.c")),
    Image("disk_throughput", (*_KERNEL, "lib/pci.c", "guests/kernel/ide.c", "bench/disk_throughput.c")),
    Image(
        "dhrystone",
        ("lib/start.S", "lib/platform.c", "lib/memory.c", "bench/dhrystone/strings.c", "bench/dhrystone/main.c"),
        flags=("-O2", "-fno-inline", "-w"),  # no procedure merging: Dhrystone's own rule
        includes=("bench/dhrystone/include",),
        fetched=_dhrystone,
    ),
)

IMAGES: dict[str, Image] = {image.name: image for image in _ALL}
