"""What an access may be answered while the policy changes: a model that knows only the order of the changes."""

from dataclasses import dataclass, field

from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format, bit_number, holds_map

__all__ = ["History", "Policy", "Version"]


@dataclass(frozen=True)
class Policy:
    """Everything that decides, at one moment. ``words``: the map's words in memory by address."""

    enable: bool = False
    fmt: int = 0
    bases: tuple[int, ...] = (0, 0, 0)
    lengths: tuple[int, ...] = (0, 0, 0)
    protect: bool = False
    launch: int = 0
    words: dict[int, int] = field(default_factory=dict)

    def admits(self, requester: int, address: int, write: bool) -> bool:
        """For any access in the page of ``address``."""
        page = address // PAGE_SIZE
        if self.protect and address >> 16 == self.launch:
            return False
        if not self.enable:
            return True
        if self.fmt not in tuple(Format):
            return False
        active = range(1) if self.fmt == Format.UNIFORM else range(len(self.bases))
        if write and any(holds_map(page, self.bases[n], self.lengths[n]) for n in active):
            return False
        n = 0 if self.fmt == Format.UNIFORM else requester
        bit = bit_number(Format(self.fmt), page, write)
        offset = bit // 32 * 4
        return offset < self.lengths[n] and bool(self.words.get(self.bases[n] + offset, 0) >> bit % 32 & 1)


@dataclass
class Version:
    """A policy; the change that brought it began at ``start`` and had been answered at ``done``. ``commits``: a register write."""

    policy: Policy
    start: int
    done: int
    commits: bool


class History:
    """The policies in order."""

    def __init__(self) -> None:
        self.versions = [Version(Policy(), -1, -1, False)]

    @property
    def last(self) -> Policy:
        """The newest."""
        return self.versions[-1].policy

    def begin(self, policy: Policy, now: int, *, commits: bool) -> Version:
        """A change begins now; whoever makes it sets ``done``."""
        self.versions.append(Version(policy, now, 1 << 60, commits))
        return self.versions[-1]

    def verdicts(self, requester: int, address: int, write: bool, *, asked: int, ended: int) -> set[bool]:
        """What may be answered to an access that was asked for and answered at these times."""
        oldest = max(n for n, v in enumerate(self.versions) if v.done <= asked)
        return {v.policy.admits(requester, address, write) for v in self.versions[oldest:] if v.start <= ended}

    def verdicts_at_memory(self, requester: int, address: int, write: bool, *, asked: int, seen: int) -> set[bool]:
        """The same of a burst that memory has seen at ``seen``: a commit that was done before leaves nothing of an older policy."""
        oldest = max(n for n, v in enumerate(self.versions) if v.done <= asked or (v.commits and v.done < seen))
        return {v.policy.admits(requester, address, write) for v in self.versions[oldest:] if v.start <= seen}

    def straddled(self, *, seen: int, ended: int) -> list[Version]:
        """Commits that began after memory had seen a burst and were answered before memory had finished it: there must be none."""
        return [v for v in self.versions if v.commits and seen < v.start and v.done < ended]
