"""SEAL, UNSEAL and ATTEST with arguments at random: out of range, overlapping, wrapping, unaligned, unmapped, in a neighbour's memory."""

from dataclasses import replace
from functools import partial
from random import Random

from cocotb_tests.isolation_kernel.governed import load, named
from cocotb_tests.isolation_kernel.sealed.rooted import BUFFER, NAMES, RootedWorld, listed, name_of, put, seals, unseals, world_of
from cocotb_tests.isolation_kernel.sealed.stage import Stage
from cocotb_tests.isolation_kernel.world import SECOND_MEMORY
from contracts.hypercalls import MAX_MESSAGE, Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from contracts.protections import Protections
from contracts.sealed_storage import MAX_READERS
from isolation_kernel.model.script import Script, Vmmcall

__all__ = ["harm"]

_CALLS = 120
_KEPT = b"what the vault keeps"
_PATTERN = bytes(range(256)) * (PAGE_SIZE // 256)
_PAGES = range(0x20000, 0x24000, PAGE_SIZE)  # of the neighbour, which hold the pattern
_ANSWERS = frozenset({Status.OK, Status.BAD_ARGUMENT, Status.UNAVAILABLE, Status.DENIED})


def harm(stage: Stage, rng: Random, protections: Protections | None) -> list[str]:
    """What a guest that calls at random has done to others, or to the kernel; a line each."""
    world_of(stage).answers("vault", partial(seals, data=_KEPT))
    world = world_of(stage, protections=protections)

    def waits() -> Script:
        while True:
            yield Vmmcall(Hypercall.YIELD)

    victim = load(world, replace(named("victim"), segments=tuple((page, _PATTERN) for page in _PAGES)), waits)
    lies_at = victim.memory.pages[_PAGES.start // PAGE_SIZE]
    _, answers = world.answers("fuzzer", lambda found: _calls(found, world, lies_at, rng))
    done = [
        f"an answer {answer}" for answer in answers if not (answer in _ANSWERS or isinstance(answer, int) and 0 <= answer <= MAX_MESSAGE)
    ]
    changed = [page for page in _PAGES if world.frame_bytes(victim, page, PAGE_SIZE) != _PATTERN]
    done += [f"the neighbour's page {page:#x} was changed" for page in changed]
    done += [f"{said.identity.hex()} was quoted" for _, said in world.quotes if said.identity != name_of("fuzzer")]
    done += ["a neighbour's memory was quoted" for _, said in world.quotes if (said.nonce + said.data) in _PATTERN * 2]
    found = world_of(stage).answers("vault", unseals)[1]
    return done + ([] if found == [len(_KEPT), _KEPT] else [f"the vault finds {found}"])


def _calls(found: list[object], world: RootedWorld, lies_at: int, rng: Random) -> Script:
    own = next(p for p in world.kernel.partitions.values() if p.config.name == "fuzzer" and p.alive)
    neighbour = (lies_at - own.memory.offset) % (1 << 20) * PAGE_SIZE

    def address() -> int:
        near = rng.choice((0, BUFFER, NAMES, SECOND_MEMORY, 1 << 32, neighbour, neighbour + PAGE_SIZE, 0xFED4_2000, 0xFEC1_0000))
        return rng.choice((near, near + rng.randrange(-64, 64), near + rng.randrange(PAGE_SIZE), rng.getrandbits(32))) & 0xFFFF_FFFF

    def size() -> int:
        return rng.choice((0, 1, rng.randrange(64), rng.randrange(MAX_MESSAGE + 2), MAX_MESSAGE, rng.getrandbits(32), 0xFFFF_FFFF))

    yield from put(BUFFER, rng.randbytes(64))
    for _ in range(_CALLS):
        if rng.random() < 0.3:
            count = rng.choice((0, 1, 2, MAX_READERS, MAX_READERS + 1, rng.getrandbits(32)))
            names = [rng.choice((name_of("vault"), name_of("fuzzer"), rng.randbytes(32))) for _ in range(2)]
            yield from put(NAMES, count.to_bytes(4, "little") + listed(*names)[4:])
        call = rng.choice((Hypercall.SEAL, Hypercall.UNSEAL, Hypercall.ATTEST))
        slot = rng.choice((0, rng.randrange(10), rng.getrandbits(32)))
        found.append((yield Vmmcall(call, address(), size(), slot, rng.choice((0, NAMES, address())), address())))
