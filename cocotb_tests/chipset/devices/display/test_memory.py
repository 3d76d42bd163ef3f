"""Screen memory: bytes and words, at any moment of a picture, four times in its window."""

from cocotb_tests.chipset.devices.display.bench import FRAME, displayed
from cocotb_tests.chipset.devices.display.shown_top import Way
from contracts.display import SCREEN_BYTES, SCREEN_WINDOW

__all__: list[str] = []

STEPS = 1500


def test_random_accesses(rng):
    """While the dots are being looked up, which come first."""
    with displayed() as display:
        memory = bytearray(SCREEN_BYTES)
        for _ in range(STEPS):
            at, mask = rng.randrange(0, SCREEN_WINDOW, 4), rng.randrange(1, 16)
            if rng.random() < 0.5:
                at = rng.randrange(0, 64, 4) + at // SCREEN_BYTES * SCREEN_BYTES  # what was written is read again
            place = at % SCREEN_BYTES
            display.privileged = rng.random() < 0.5
            if rng.random() < 0.5:
                value = rng.getrandbits(32)
                display.access(Way.SCREEN, at, value, mask)
                for n in range(4):
                    if mask >> n & 1:
                        memory[place + n] = value >> 8 * n & 0xFF
            else:
                kept = sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
                expected = int.from_bytes(memory[place : place + 4], "little")
                assert (display.access(Way.SCREEN, at, mask=mask) ^ expected) & kept == 0
            display.model.run(rng.randrange(4), stops=())


def test_an_access_waits_for_a_dot_at_most():
    """Three cycles for a read and one for a write, wherever in a line the picture is; one more until the transactor has the answer."""
    with displayed() as display:
        display.run_to_frame(1)
        display.model.run(16 * 664 + 1, stops=())  # among the guests' rows
        for write, most in ((None, 3), (0x1234_5678, 1)):
            taken = []
            for _ in range(64):
                before = display.model.cycle
                display.access(Way.SCREEN, 0, write)
                taken.append(display.model.cycle - before)
                display.model.run(len(taken) % 8, stops=())
            assert max(taken) <= most + 2
            assert min(taken) < max(taken) or write is not None, "a read has been held up"


def test_as_linux_finds_out_that_there_is_a_display():
    """vgacon_startup writes two words and reads them back; 32 KiB are there to scroll in."""
    with displayed() as display:
        display.put(0, 0, "AB")
        saved = [display.peek(n) for n in range(4)]
        display.poke(0, bytes((0x55, 0xAA, 0xAA, 0x55)))
        assert [display.peek(n) for n in range(4)] == [0x55, 0xAA, 0xAA, 0x55]
        display.poke(0, bytes(saved))
        display.poke(SCREEN_WINDOW - 2, b"Z\x07")
        assert [display.peek(SCREEN_WINDOW - 2), display.peek(SCREEN_BYTES - 2)] == [0x5A, 0x5A]


def test_after_a_reset_the_first_access_waits_for_the_wiping_and_no_longer():
    with displayed() as display:
        display.put(0, 0, "secret")
        display.platform_reset()
        before = display.model.cycle
        assert display.peek(0) == 0
        assert SCREEN_BYTES // 4 <= display.model.cycle - before <= SCREEN_BYTES // 4 + 8
        assert display.model.cycle - before < FRAME
