"""The event log's format: what was written is read, and nothing else is."""

import hashlib

import pytest

from contracts.event_log import DEVELOPMENT, Event, EventKind, EventLogError, Pcr, decode, encode

__all__: list[str] = []

EVENTS = (*(Event(kind, bytes((kind,)) * 32) for kind in EventKind if kind is not EventKind.DEVELOPMENT), DEVELOPMENT)
LOG = encode(EVENTS)


def test_what_is_written_is_read() -> None:
    for count in range(len(EVENTS) + 1):
        assert decode(encode(EVENTS[:count])) == EVENTS[:count]


def test_the_bytes() -> None:
    assert encode(()) == b"ringlog\x01"
    assert encode([Event(EventKind.KERNEL, bytes(range(32)))]) == b"ringlog\x01" + b"\x03\0\0\0" + bytes(range(32))
    assert DEVELOPMENT.digest == hashlib.sha256(b"development").digest()


def test_where_each_kind_goes() -> None:
    assert [(kind.name, int(kind.pcr)) for kind in EventKind] == [
        ("BLOCK", 17),
        ("STUB", 18),
        ("KERNEL", 18),
        ("POLICY", 19),
        ("DEVELOPMENT", 19),
    ]
    assert [int(pcr) for pcr in Pcr] == [17, 18, 19]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (b"", "no event log"),
        (LOG[:7], "another version"),
        (b"RINGLOG" + LOG[7:], "no event log"),
        (LOG[:7] + b"\x02" + LOG[8:], "another version"),
        (LOG[:-1], "in the middle of an event"),
        (LOG + b"\0", "in the middle of an event"),
        (LOG + bytes(36), "of kind 0"),
        (LOG + b"\x06" + bytes(35), "of kind 6"),
        (LOG + b"\x03\0\0\x01" + bytes(32), "of kind"),
        (LOG + encode(EVENTS[:1])[8:], "a launch in the middle"),
        (LOG[:-1] + bytes((LOG[-1] ^ 1,)), "development has another digest"),
    ],
)
def test_what_is_no_log(log: bytes, said: str) -> None:
    with pytest.raises(EventLogError, match=said):
        decode(log)


def test_a_digest_of_another_size_is_not_written() -> None:
    with pytest.raises(EventLogError):
        Event(EventKind.STUB, bytes(20))
