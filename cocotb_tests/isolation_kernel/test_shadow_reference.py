"""Shadow paging against a reference translation: exhaustively over the bits, and with random tables and random edits.

The reference is written apart from the kernel's walk, from the manual's table: which access is allowed, what it leaves in A and D, and
which error code a refused one raises.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cocotb_tests.isolation_kernel.world import CODE, PAGE_TABLES, World
from contracts.architecture import Cr0, Cr4, Exc, Pte
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.model.script import GuestException, Invlpg, Read, Script, SetRing, Write, WriteCr

DIRECTORY, TABLE, CODE_TABLE = PAGE_TABLES, PAGE_TABLES + 0x1000, PAGE_TABLES + 0x2000
TARGET = 0x30000  # the frame behind the tested 4 KiB entries
TESTED = 0x0040_5000  # directory entry 1, table entry 5
P, RW, US, A, D, PS, G = map(int, (Pte.P, Pte.RW, Pte.US, Pte.A, Pte.D, Pte.PS, Pte.G))  # numbers: much is done with them


@dataclass(frozen=True)
class Access:
    """One access of a guest."""

    write: bool
    user: bool


@dataclass(frozen=True)
class Outcome:
    """What the manual says happens: an error code or a physical address, and the two entries afterwards."""

    error: int | None
    physical: int
    directory: int
    table: int


def reference(directory: int, table: int, linear: int, access: Access, write_protect: bool, pse: bool) -> Outcome:
    """Intel SDM vol. 3, 4.3 to 4.8: one translation by two-level paging."""
    base_error = (2 if access.write else 0) + (4 if access.user else 0)
    if not directory % 2:
        return Outcome(base_error, 0, directory, table)
    if pse and directory // 128 % 2:
        if directory // 4096 % 1024:
            return Outcome(base_error + 9, 0, directory, table)
        can_write, can_user = directory // 2 % 2, directory // 4 % 2
        physical = directory // 2**22 * 2**22 + linear % 2**22
        large = True
    else:
        directory |= 32  # it leads to a table, whatever that says
        if not table % 2:
            return Outcome(base_error, 0, directory, table)
        can_write, can_user = directory // 2 % 2 * (table // 2 % 2), directory // 4 % 2 * (table // 4 % 2)
        physical = table // 4096 * 4096 + linear % 4096
        large = False
    denied = access.user and not can_user or access.write and not can_write and (access.user or write_protect)
    if denied:
        return Outcome(base_error + 1, 0, directory, table)
    if large:
        return Outcome(None, physical, directory | 32 | (64 if access.write else 0), table)
    return Outcome(None, physical, directory | 32, table | 32 | (64 if access.write else 0))


COMBINATIONS = list(itertools.product((0, P), (0, RW), (0, US), (0, A), (0, D)))


def setup_tables() -> Sequence[tuple[int, int]]:
    """The guest's own code, tables and data below 1 MiB, reachable by everyone through directory entry 0."""
    return [(DIRECTORY, CODE_TABLE | P | RW | US | A)] + [(CODE_TABLE + 4 * n, n * PAGE_SIZE | P | RW | US | A | D) for n in range(64)]


@pytest.mark.parametrize("write_protect", (False, True))
@pytest.mark.parametrize("extensions", (False, True), ids=("PSE=0", "PSE=1"))
@pytest.mark.parametrize("size", (0, PS), ids=("PS=0", "PS=1"))
def test_every_combination_of_bits(size: int, extensions: bool, write_protect: bool) -> None:
    """P, RW, US, A, D of directory and table, PS, CR4.PSE, CR0.WP, ring, access: result, error code and bits left. Only with both PS and
    PSE is a page large, and there is no table."""
    checked = 0
    large = bool(size) and extensions

    def script() -> Script:
        nonlocal checked
        for address, value in setup_tables():
            yield Write(address, value)
        yield WriteCr(4, Cr4.PSE if extensions else 0)
        yield WriteCr(3, DIRECTORY)
        yield WriteCr(0, Cr0.PG | Cr0.PE | (Cr0.WP if write_protect else 0))
        yield Write(TARGET, 0x600D)
        tables = [(0, 0, 0, 0, 0)] if large else COMBINATIONS
        for upper, lower in itertools.product(COMBINATIONS, tables):
            directory = sum(upper) | size | (0 if large else TABLE)
            table = sum(lower) | TARGET
            for access in (Access(w, u) for w in (False, True) for u in (False, True)):
                yield SetRing(0)
                yield Write(DIRECTORY + 4, directory)
                yield Write(TABLE + 4 * 5, table)
                linear = (0x0040_0000 + TARGET) if large else TESTED
                yield Invlpg(linear)
                wanted = reference(directory, table, linear, access, write_protect, extensions)
                yield SetRing(3 if access.user else 0)
                error: int | None = None
                try:
                    if access.write:
                        yield Write(linear, 0x600D)
                    else:
                        assert (yield Read(linear)) == 0x600D
                except GuestException as fault:
                    assert (fault.vector, fault.cr2) == (Exc.PF, linear)
                    error = fault.error
                yield SetRing(0)
                left = (yield Read(DIRECTORY + 4)), (yield Read(TABLE + 4 * 5))
                assert (error, *left) == (wanted.error, wanted.directory, wanted.table), (upper, lower, access)
                checked += 1

    world = World()
    world.checked = False  # 4,096 cases; the invariants are looked at in the end
    world.guest(script, memory=512 << 10)
    world.run(200_000)
    assert checked == (32 if large else 32 * 32) * 4
    from isolation_kernel.invariants import check

    assert check(world.kernel) == []


def test_random_tables_and_edits(rng: random.Random) -> None:
    """Random edits with and without flushes, several directories, pages of both sizes, CR0.WP, CR4.PSE and CR4.PGE on and off: after a
    flush the reference decides; before it, only translations are used that were valid some time since. CR3 flushes no global page."""
    low, high = 0x20, 0x30  # frames that are read; a large page leads to the first of them, and to some below that no table leads to
    in_tables = (0, 1, 3)  # few, so that what was changed is met again before it is flushed
    indices = (*in_tables, low, low + 1)
    assert CODE // PAGE_SIZE not in indices
    linears = [base + n * PAGE_SIZE for base in (0x0040_0000, 0x0080_0000) for n in indices]
    directories = [0x10000, 0x11000]
    tables = [0x12000, 0x13000, 0x14000]
    code_table = 0x15000
    spare = 0xFF0  # of each frame: what is written, and no entry that is looked at
    frames = [n * PAGE_SIZE for n in range(low, high)]
    checked = refused = stale = large = reserved = 0

    def bits(*of: int) -> int:
        found = 0
        for b in of:
            found |= rng.choice((0, b))
        return found

    def table_entry() -> int:
        return rng.choice(frames) | (P if rng.random() < 0.9 else 0) | bits(RW, RW, US, US, A, D, G)

    def directory_entry() -> int:
        """To a table; or, with PS, to the first 4 MiB, or with a reserved bit set: frame 0 and a table too, without PSE."""
        kind = rng.random()
        where = rng.choice(tables) if kind < 0.5 else PS | D | bits(G) if kind < 0.8 else PS | rng.choice(tables)
        return where | (P if rng.random() < 0.9 else 0) | bits(RW, RW, US, US)

    def script() -> Script:
        nonlocal checked, refused, stale, large, reserved
        memory: dict[int, int] = {}
        for n in range(high):
            memory[code_table + 4 * n] = n * PAGE_SIZE | P | RW | US | A | D
        for d in directories:
            memory[d] = code_table | P | RW | US | A
            for index in (1, 2):
                memory[d + 4 * index] = directory_entry()
        for t in tables:
            for n in range(8):
                memory[t + 4 * n] = table_entry()
        for address, value in memory.items():
            yield Write(address, value)
        for frame in (*(n * PAGE_SIZE for n in indices if n < low), *frames):
            yield Write(frame, frame)  # each frame knows its name
        cr3, cr4, write_protect = directories[0], 0, True
        yield WriteCr(3, cr3)
        yield WriteCr(0, Cr0.PG | Cr0.PE | Cr0.WP)
        history: dict[int, list[tuple[int, int]]] = {}  # linear page: (directory, table) values since the last flush

        def now(linear: int) -> tuple[int, int]:
            directory = memory[cr3 + 4 * (linear >> 22)]
            return directory, memory.get((directory & ~0xFFF) + 4 * (linear >> 12 & 0x3FF), 0)

        def is_large(directory: int) -> bool:
            return bool(cr4 & Cr4.PSE and directory & PS)

        def is_global(pair: tuple[int, int]) -> bool:
            return bool(cr4 & Cr4.PGE and (pair[0] if is_large(pair[0]) else pair[1]) & G)

        def remember() -> None:
            for at in linears:
                history.setdefault(at, []).append(now(at))

        def flush(globals_too: bool) -> None:
            for at in linears:
                history[at] = [] if globals_too else [pair for pair in history.get(at, ()) if is_global(pair)]
            remember()

        for _ in range(2000):
            choice = rng.random()
            if choice < 0.20:
                at = rng.choice(tables) + 4 * rng.choice(in_tables)
                memory[at] = table_entry()
                yield Write(at, memory[at])
                remember()
            elif choice < 0.34:
                at = rng.choice(directories) + 4 * rng.choice((1, 2))
                memory[at] = directory_entry()
                yield Write(at, memory[at])
                remember()
            elif choice < 0.37:
                cr3 = rng.choice(directories)
                yield WriteCr(3, cr3)
                flush(False)
            elif choice < 0.39:
                write_protect = not write_protect
                yield WriteCr(0, Cr0.PG | Cr0.PE | (Cr0.WP if write_protect else 0))
                yield WriteCr(3, cr3)
                flush(False)
            elif choice < 0.42:
                cr4 ^= rng.choice((Cr4.PSE, Cr4.PGE))
                yield WriteCr(4, cr4)
                flush(True)
            elif choice < 0.46:
                linear = rng.choice(linears)
                yield Invlpg(linear)
                for at in linears:  # a large page goes whole
                    if at == linear or any(is_large(d) for d, _ in history.get(linear, ())) and at >> 22 == linear >> 22:
                        large_left = [] if at == linear else [p for p in history.get(at, ()) if not is_large(p[0])]
                        history[at] = [*large_left, now(at)]
            else:
                linear, access = rng.choice(linears), Access(rng.random() < 0.4, rng.random() < 0.4)
                past = history.get(linear, []) or [now(linear)]
                outcomes = [reference(d, t, linear, access, write_protect, bool(cr4 & Cr4.PSE)) for d, t in past]
                yield SetRing(3 if access.user else 0)
                error, seen = None, 0
                try:
                    if access.write:
                        yield Write(linear + spare, rng.getrandbits(32))
                    else:
                        seen = yield Read(linear)
                except GuestException as fault:
                    error = fault.error
                yield SetRing(0)
                current = outcomes[-1]
                if error is None:
                    allowed = [o for o in outcomes if o.error is None]
                    assert allowed, f"{linear:#x}: allowed, but the reference never was"
                    large += is_large(past[-1][0])
                    if not access.write:
                        assert seen in [o.physical for o in allowed]
                        stale += seen != current.physical
                else:
                    assert error in [o.error for o in outcomes]
                    refused += 1
                    reserved += error & 8 != 0
                # the guest's own bits: whatever was set is read back, so that the mirror stays true
                for at in [cr3 + 4 * (linear >> 22), *(t + 4 * (linear >> 12 & 0x3FF) for t in tables)]:
                    held: int = yield Read(at)
                    assert (held | A | D) == (memory.get(at, 0) | A | D)
                    memory[at] = held
                history.setdefault(linear, []).append(now(linear))
                if current.error is None and len(past) == 1 and error is None:
                    directory, table = now(linear)
                    leaf = directory if is_large(directory) else table
                    assert directory & A and leaf & A and (not access.write or leaf & D)
                checked += 1

    world = World(roots_per_guest=3)
    world.guest(script)
    world.run(60_000)
    assert checked > 800 and refused > 100 and stale > 5 and large > 20 and reserved > 5


def test_large_page_is_flushed_whole_and_split() -> None:
    """A 4 MiB page is shadowed by 4 KiB entries; INVLPG of any address in it drops them all."""
    seen: list[object] = []

    def script() -> Script:
        for address, value in setup_tables():
            yield Write(address, value)
        yield Write(TARGET, 1)
        yield Write(TARGET + 0x1000, 2)
        yield WriteCr(4, Cr4.PSE)
        yield WriteCr(3, DIRECTORY)
        yield WriteCr(0, Cr0.PG | Cr0.PE | Cr0.WP)
        yield Write(DIRECTORY + 4, PS | P | RW | US)
        seen.append((yield Read(0x0040_0000 + TARGET)))
        seen.append((yield Read(0x0040_1000 + TARGET)))
        yield Write(DIRECTORY + 4, 0)
        yield Invlpg(0x0040_9000)
        for linear in (0x0040_0000 + TARGET, 0x0040_1000 + TARGET):
            try:
                yield Read(linear)
            except GuestException as fault:
                seen.append(fault.vector)

    world = World()
    world.guest(script)
    world.run()
    assert seen == [1, 2, Exc.PF, Exc.PF]
