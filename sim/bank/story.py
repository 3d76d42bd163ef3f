"""What is meant to happen, with no attack but the BIOS's usual lies: two starts of the machine, stage by stage, and what shows it."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.event_log import EventKind
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.partition import Partition
from sim.bank.attack import Stage
from sim.bank.eyes import read_row
from sim.bank.missing import missing
from sim.bank.power_on import PHRASE
from sim.bank.session import Session
from sim.bank.world import AMOUNT, PAYEE, PIN, World
from sim.kernel_time import KernelTime
from sim.sanctuary.picture import MemoryPicture, picture_of

__all__ = ["Scene", "Story", "tell_story"]

_LIE, _SYSTEM = b"measured boot: OK", b"market: starting the late launch"
_SECOND = 2 * AMOUNT


@dataclass(frozen=True)
class Scene:
    """One stage: whether it went as it should, what shows it, and the trusted guest's screen."""

    name: str
    good: bool
    text: str
    cycle: int
    screen: tuple[str, ...] = ()
    picture: bytes = b""  # of the display, as PNG


@dataclass
class Story:
    """All of it."""

    scenes: list[Scene] = field(default_factory=list)
    failure: str = ""
    guests: list[dict[str, object]] = field(default_factory=list)
    picture: MemoryPicture | None = None
    cycles: int = 0
    kernel_time: KernelTime = KernelTime()
    exits: dict[int, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Everything went as it should, to the end."""
        return not self.failure and all(scene.good for scene in self.scenes)


class _Teller:
    def __init__(self, story: Story, pictures: bool) -> None:
        self.story, self._pictures = story, pictures

    def scene(self, session: Session, name: str, good: bool, text: str, screen: bool = True, line: str = "") -> None:
        """``screen``: what the trusted guest shows belongs to it. ``line``: how the trusted line of its picture must begin."""
        run = session.run
        shown = tuple(run.screen) if screen and run.trusted.alive else ()
        cycle, picture = run.machine.cycle, b""
        if self._pictures:
            seen = run.machine.screen()
            picture = seen.png()
            if line:
                read = read_row(seen, 0)
                good = good and read.startswith(line) and read.endswith(PHRASE.decode())
                text = f"{text}; the trusted line says: {read}"
        self.story.scenes.append(Scene(name, good, text, cycle, shown, picture))

    def launched(self, session: Session) -> None:
        run = session.run
        run.machine.drain()
        said, started = bytes(run.machine.outputs["debug"]), bytes(run.machine.outputs["com1"])
        self.scene(session, "A BIOS that lies", _LIE in said, f"it says {said.decode().strip()!r}, and leaves its traps", screen=False)
        handed = run.system.launched
        assert handed is not None
        expected = session.bank.expected.digests
        genuine = handed.measured and all(event.digest in expected.get(event.kind, {event.digest}) for event in handed.events)
        events = ", ".join(f"{e.kind.name.lower()} {e.digest.hex()[:12]}" for e in handed.events if e.kind is not EventKind.DEVELOPMENT)
        self.scene(
            session, "The mass-market system starts the late launch", genuine and _SYSTEM in started, f"measured: {events}", screen=False
        )

    def paid(self, session: Session, amount: int) -> None:
        """With the picture of the question."""
        number = session.world.account.signed + 1
        session.order_shown(PAYEE, amount)
        session.run.choose(session.run.trusted)
        row, trusted = session.run.row(6).split(), session.run.trusted
        line, good = f"{trusted.number} {trusted.config.name}", row == ["Pay", f"{amount / 100:.2f}", "EUR"]
        self.scene(session, "The user is asked for the PIN", good, f"the screen says {' '.join(row)}", line=line)
        self.story.picture = picture_of(session.run.kernel, session.run.machine.model.dump)
        session.run.press(f"{PIN}\n")
        text = session.finish_payment()
        booked = session.world.account.booked[-1]
        right = (booked.number, booked.amount) == (number, amount)
        self.scene(session, "A payment is signed, booked and receipted", right, text, line=line)

    def left(self, session: Session) -> None:
        session.leave()
        run = session.run
        clean = session.world.account.key not in run.machine.model.dump(0, run.machine.config.memory)
        self.scene(session, "The trusted guest is shut down", clean, f"{run.trusted.end_reason}; its key is nowhere in memory")


def tell_story(keep: Path, pictures: bool = False) -> Story:
    """Run it; what the first start has left is kept in the folder ``keep`` for others to begin with. ``pictures`` of the screen take as
    long as all the rest, and without them nobody looks at the trusted line."""
    story = Story()
    teller = _Teller(story, pictures)
    with TemporaryDirectory(prefix="ringfence-bank-") as folder:
        stage = Stage(World(Path(folder) / "world", missing(())))
        try:
            _first(stage, teller)
            stage.world.keep(keep)
            _second(stage, teller)
        except Exception as error:
            story.failure = f"{type(error).__name__}: {error}"
        story.cycles, story.kernel_time, story.exits = stage.cycles, stage.kernel_time, stage.exits
    return story


def _introduced(session: Session) -> list[dict[str, object]]:
    cast = ((session.run.market, "market"), (session.run.trusted, "bank"))
    return [_introduction(partition, image) for partition, image in cast]


def _introduction(partition: Partition, image: str) -> dict[str, object]:
    config = partition.config
    devices = sorted(device.name for device in config.devices)
    place = f"{config.memory >> 20} MiB from {partition.memory.offset * PAGE_SIZE:#x}"
    return {"name": config.name, "images": [image], "memory": place, "devices": devices, "identity": partition.identity}


def _first(stage: Stage, teller: _Teller) -> None:
    with stage.power_on(new_store=True) as session:
        teller.launched(session)
        teller.story.guests = _introduced(session)
        session.provide()
        session.ready()
        teller.scene(session, "First start: the bank's letter makes an account, which is sealed", True, session.said)
        verdict = session.attest(first=True)
        teller.scene(session, "A far verifier is answered", True, verdict)
        teller.paid(session, AMOUNT)
        teller.left(session)


def _second(stage: Stage, teller: _Teller) -> None:
    with stage.power_on() as session:
        teller.launched(session)
        session.ready()
        counter = f"counter {stage.world.account.signed}"
        teller.scene(session, "Started again, it unseals its key and continues where it was", session.said.endswith(counter), session.said)
        teller.scene(session, "A far verifier is answered", True, session.attest())
        teller.paid(session, _SECOND)
        teller.left(session)
