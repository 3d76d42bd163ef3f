"""All files of an exported guard, written together or not at all."""

import os
import tempfile
from pathlib import Path

from chipset.export.settings import GuardSettings
from firmware.headers import guard_header_text
from sim.export.ports import ExportedBus
from sim.export.texts import core_file, page, waiver_file
from sim.export.verilog import module_text

__all__ = ["HEADER", "ExportError", "files", "write"]

HEADER = "ringfence_dma_guard.h"
_HEAD = "// SPDX-License-Identifier: Apache-2.0\n// Made by `ringfence export dma-guard`, whose README.md says for what: do not edit.\n\n"


class ExportError(Exception):
    """The files cannot be written there; the message is one line."""


def files(bus: ExportedBus, settings: GuardSettings) -> dict[str, str]:
    """Names and texts."""
    return {
        f"{bus.module}.v": _HEAD + module_text(bus.top(settings), bus.module),
        f"{bus.module}.vlt": waiver_file(bus),
        f"{bus.module}.core": core_file(bus, HEADER),
        HEADER: guard_header_text(),
        "README.md": page(bus, settings, HEADER),
    }


def write(bus: ExportedBus, settings: GuardSettings, output: Path) -> list[str]:
    """Write them into the new folder ``output``; their names. An empty folder of that name is replaced, any other is an ExportError."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ExportError(f"{output} is there already: name a new folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
            partial = Path(scratch, "files")
            partial.mkdir()
            texts = files(bus, settings)
            for name, text in texts.items():
                (partial / name).write_text(text)
            os.rename(partial, output)
    except OSError as error:
        raise ExportError(f"{error.filename or output}: {error.strerror}") from None
    return sorted(texts)
