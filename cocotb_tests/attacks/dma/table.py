"""All attacks, by theme, and those that wait for what they attack."""

from cocotb_tests.attacks.dma import boundaries, bus, descriptors, floods, history, maps, races, registers, resets
from cocotb_tests.attacks.dma.attack import ATTACKS, Attack

__all__ = ["ATTACKS", "PENDING", "THEMES", "Attack"]

THEMES = (bus, descriptors, boundaries, maps, races, registers, resets, floods, history)

# What waits for the disk controller: names and aims, in neither the table nor its count. They will be in ``disk.py``, made by the requester
# that follows its PCI function, with the straps and bugs that are here for their control runs.
PENDING: dict[str, str] = {
    "prd_table_of_the_victims": "the bus master is told to fetch its PRD table from the victim's page",
    "prd_reaches_the_victim": "a PRD entry names the victim's page, for a read and for a write of sectors",
    "prd_table_runs_out_of_its_page": "a table without an end mark reaches the end of its page",
    "prd_of_64_kib": "a byte count of 0 (64 KiB) begins in the attacker's last page",
    "prd_written_by_the_disk": "sectors are read over the PRD table that is in use",
    "base_address_over_a_device": "BAR4 is moved over ports of another device, over RAM, over the guard",
    "transfer_to_a_device": "a PRD entry names the guard, the TPM, or the other DMA engine",
    "sectors_of_the_last_owner": "the drive's buffer and task file after it was given to another guest",
    "transfer_in_flight_at_the_hand_over": "the disk is taken away in the middle of a transfer",
}
