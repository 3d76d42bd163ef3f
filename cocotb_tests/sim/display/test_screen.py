"""Pictures of a simulated display: as PNG they are its dots."""

import io

import pytest
from PIL import Image

from cocotb_tests.chipset.devices.display.bench import FRAME, displayed
from cocotb_tests.chipset.devices.display.reference import Shown
from contracts.display import PICTURE_HEIGHT, PICTURE_WIDTH
from sim.display.screen import DISPLAY_STREAM, Camera, NoPicture, Screen, take_screen
from sim.outputs import OutputError, write_output

__all__: list[str] = []


def test_the_file_is_what_the_display_shows(tmp_path, rng):
    with displayed() as display:
        shown = Shown()
        for n in range(0, 400, 2):
            character, attribute = rng.randrange(256), rng.randrange(256)
            display.poke(n, bytes((character, attribute)))
            shown.screen[n : n + 2] = bytes((character, attribute))
        display.run_to_frame(1)
        screen = display.screen()
        write_output(tmp_path / "screen.png", screen.png())
    expected = shown.picture(1)
    with Image.open(tmp_path / "screen.png") as image:
        assert image.format == "PNG" and image.size == (PICTURE_WIDTH, PICTURE_HEIGHT)
        dots = image.convert("RGB").tobytes()
    for at, dot in enumerate(expected):
        assert tuple(dots[3 * at : 3 * at + 3]) == (85 * (dot >> 4 & 3), 85 * (dot >> 2 & 3), 85 * (dot & 3))
    assert screen.levels(0, 16) == (expected[16 * 640] >> 4, expected[16 * 640] >> 2 & 3, expected[16 * 640] & 3)


def test_the_same_screen_is_the_same_file():
    with displayed() as display:
        display.run_to_frame(1)
        first = display.screen()
        second = display.screen()
        assert first == second and first.png() == second.png()
        assert Image.open(io.BytesIO(first.png())).mode == "P"


def test_pictures_are_taken_when_they_are_asked_for():
    """A long run keeps nothing of what nobody looks at."""
    with displayed() as display:
        display.run_to_frame(3)
        assert display.model.take_words(DISPLAY_STREAM.name) == b""
        before = display.screen()
        display.put(0, 0, "later")
        at = display.model.cycle
        assert display.screen() != before
        assert display.model.cycle - at <= 2 * FRAME + 2
        display.run_to_frame(display.frame + 2)
        assert display.model.take_words(DISPLAY_STREAM.name) == b""


def test_a_display_that_stands_still_is_told_of():
    with displayed() as display:
        display.model.set("platform_reset", 1)
        with pytest.raises(NoPicture, match="no whole frame within 1,000 cycles"):
            take_screen(display.model, 1000)
        display.model.set("platform_reset", 0)
        display.model.run(1, stops=())
        assert len(take_screen(display.model, 3 * FRAME).dots) == PICTURE_WIDTH * PICTURE_HEIGHT


def test_a_frame_that_a_reset_cuts_short_is_no_picture():
    with displayed() as display:
        model = display.model
        display.run_to_frame(1)
        model.set("display_capture", 1)
        model.run(FRAME // 2, stops=())
        display.platform_reset()
        model.run(10, stops=())
        assert model.get("display_captured")
        model.set("display_capture", 0)
        assert 0 < len(model.take_words(DISPLAY_STREAM.name)) < PICTURE_WIDTH * PICTURE_HEIGHT
        model.run(1, stops=())
        assert display.screen().dots == Shown().picture(1)


def test_a_picture_that_cannot_be_written_is_told_in_one_line(tmp_path):
    with displayed() as display:
        display.run_to_frame(1)
        png = display.screen().png()
    with pytest.raises(OutputError, match="^[^\n]*No such file"):
        write_output(tmp_path / "nowhere" / "screen.png", png)


def test_a_camera_takes_pictures_beside_a_run_that_knows_nothing_of_it(rng):
    """In slices of any length; what is given up, or cut short by a reset, is no picture, and the next one is whole."""
    with displayed() as display:
        camera = Camera(display.model)

        def picture() -> Screen:
            begun = display.model.cycle
            while (screen := camera.look()) is None:
                display.model.run(rng.randrange(1, FRAME), stops=())
                assert display.model.cycle - begun < 5 * FRAME
            return screen

        assert camera.look() is None and not camera.asking
        display.put(0, 0, "a")
        for _ in range(2):
            camera.ask()
            display.model.run(rng.randrange(FRAME // 2, FRAME), stops=())
            camera.give_up()
            assert not camera.asking and camera.look() is None
            camera.ask()  # in the same cycle
        first = picture()
        assert camera.look() is None and not camera.asking, "one for each time that it is asked"
        assert first.dots == take_screen(display.model, 3 * FRAME).dots
        camera.ask()
        display.model.run(FRAME + FRAME // 2, stops=())
        display.platform_reset()
        assert picture().dots == Shown().picture(1)
