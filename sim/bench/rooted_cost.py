"""What SEAL, UNSEAL and ATTEST take, on a launched machine with a TPM: cycles and transactions, by who spends them."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.attestation import NONCE_SIZE, REQUEST
from contracts.configuration import KernelConfig, Right
from contracts.report import Step
from isolation_kernel.partition import Partition
from sim.bench.meter import Metered
from sim.bench.programs import BenchError
from sim.disk.sector_file import SectorFile
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine, MachineConfig
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm, TpmError

__all__ = ["CALLS", "rooted_cost"]

CALLS = ("SEAL", "UNSEAL", "ATTEST")
_MEMORY = 2 << 20  # bytes of the guest
_HEAD = 65  # characters of a record of the log before its text
_RIGHTS = frozenset({Right.MESSAGES, Right.SEAL, Right.UNSEAL, Right.ATTEST})


def rooted_cost(guest: Path, config: MachineConfig | None = None) -> dict[str, dict[str, int]]:
    """Of the calls that ``guest`` (the vault) makes when it is started for the second time, the store open: each from the guest's entry
    to its answer. BenchError if one of them is refused, or there is no TPM. The TPM itself answers in no simulated time."""
    try:
        with tempfile.TemporaryDirectory() as folder, Swtpm(Path(folder) / "tpm") as tpm, Machine(config, tpm=TpmBridge(tpm)) as machine:
            disk = SectorFile(Path(folder) / "disk")
            try:
                return _measured(machine, GuestProgram.load(guest, _MEMORY, command_line="quotes=1", rights=_RIGHTS), disk)
            finally:
                disk.close()
    except TpmError as error:
        raise BenchError(str(error)) from None


def _measured(machine: Machine, program: GuestProgram, disk: SectorFile) -> dict[str, dict[str, int]]:
    records: list[dict[str, str]] = []
    kernel_config = KernelConfig(disk=disk, log=lambda record: records.append(json.loads(record[_HEAD:])))
    meters: list[Metered] = []

    def metered(link: Any) -> Any:
        meters.append(Metered(link))
        return meters[0]

    system = GuestSystem(machine, kernel_config, record=metered, late_launch=True)
    system.kernel.roots.store.create()
    _run(system, program, lambda partition: None)
    system.kernel.over = False  # the first start has made the blob that the second finds
    costs: dict[str, dict[str, int]] = {}

    def each(partition: Partition) -> None:
        """Behind a step: what it took, if it was one of the calls."""
        asked = {record["what"] for record in records if record.get("decision") == "allowed"} & set(CALLS)
        if failed := [record["why"] for record in records if record.get("decision") == "failed"]:
            raise BenchError(f"{program.name}: {failed[0]}")
        records.clear()
        after = meters[0].now()
        for call in asked:
            costs[call] = {name: count - before[name] for name, count in after.items()}
        before.update(after)

    records.clear()
    before = meters[0].now()
    _run(system, program, each)
    if missing := set(CALLS) - costs.keys():
        raise BenchError(f"{program.name} has not called {', '.join(sorted(missing))}")
    return {call: costs[call] for call in CALLS}


def _run(system: GuestSystem, program: GuestProgram, each: Callable[[Partition], None]) -> None:
    (partition,) = system.start([program])
    system.kernel.post_message(partition.number, REQUEST + bytes(NONCE_SIZE))
    each(partition)
    while system.kernel.step() is not Step.OVER:
        each(partition)
    if partition.exit_status:
        raise BenchError(f"{program.name} ended with status {partition.exit_status}")
