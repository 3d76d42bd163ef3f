"""All files of an exported guard, written together or not at all."""

import os
import tempfile
from pathlib import Path

from chipset.export.settings import GuardSettings
from firmware.headers import guard_header_text
from sim.export.ports import ExportedBus
from sim.export.texts import core_file, page, waiver_file
from sim.export.verilog import module_text
from sim.paths import ROOT

__all__ = ["HEADER", "LICENCE", "ExportError", "files", "write"]

HEADER = "ringfence_dma_guard.h"
LICENCE = "LICENSE"
_LICENSED = "SPDX-License-Identifier: Apache-2.0"
_HEAD = f"// {_LICENSED}\n// Made by `ringfence export dma-guard`, whose README.md says for what: do not edit.\n\n"


class ExportError(Exception):
    """The files cannot be written there; the message is one line."""


def files(bus: ExportedBus, settings: GuardSettings) -> dict[str, str]:
    """Names and texts."""
    top = bus.top(settings)
    return {
        f"{bus.module}.v": _HEAD + module_text(top, bus.module),
        f"{bus.module}.vlt": waiver_file(bus),
        f"{bus.module}.core": core_file(bus, HEADER),
        HEADER: f"/* {_LICENSED} */\n{guard_header_text()}",
        "README.md": page(bus, settings, HEADER, top),
        LICENCE: (ROOT / "LICENSE").read_text(),
    }


def write(bus: ExportedBus, settings: GuardSettings, output: Path) -> list[str]:
    """Write them into the new folder ``output``; their names. An empty folder of that name is replaced, any other is an ExportError."""
    folder = Path(os.path.realpath(output))  # where a link leads, so that the folder and not the link is replaced
    try:
        if folder == Path.cwd():
            raise ExportError(f"{output} is the folder that you are in: name a new folder")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExportError(f"{output} is there already: name a new folder")
        above = next(place for place in folder.parents if place.exists())
        if not above.is_dir():
            raise ExportError(f"{output} cannot be written, as {above} is no folder: name a new folder elsewhere")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            partial = Path(scratch, "files")
            partial.mkdir()
            texts = files(bus, settings)
            for name, text in texts.items():
                (partial / name).write_text(text)
            os.rename(partial, folder)
    except OSError as error:
        raise ExportError(f"{output} cannot be written ({error.strerror}): name a new folder in one where you may write") from None
    return sorted(texts)
