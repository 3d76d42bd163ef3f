"""Files that commands write: tried before, whole or not at all, and never over what a command reads."""

import os
from pathlib import Path

import pytest

from sim.outputs import OutputError, check_apart, check_output, write_output

__all__: list[str] = []


def test_written_as_a_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for text in ("first", "−1\n"):
        write_output(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_output(path, "after")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_link_goes_on_pointing_and_rights_are_kept(tmp_path: Path) -> None:
    place, link = tmp_path / "place", tmp_path / "link"
    place.write_text("before")
    place.chmod(0o640)
    link.symlink_to(place)
    write_output(link, "after")
    assert link.is_symlink() and place.read_text() == "after" and place.stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to(tmp_path: Path) -> None:
    for _ in range(2):
        check_output(Path(os.devnull))
        write_output(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    ("name", "reason"), [("folder", "Is a directory"), ("nowhere/x", "No such file or directory"), ("file/x", "Not a directory")]
)
def test_what_cannot_be_written_is_told_before_and_after(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    for attempt in (check_output, lambda path: write_output(path, "text")):
        with pytest.raises(OutputError, match=reason) as caught:
            attempt(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"] and (tmp_path / "file").read_text() == "kept"


def test_the_try_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    check_output(path, make_folder=True)
    assert list(path.parent.iterdir()) == []
    path.write_text("before")
    check_output(path)
    assert path.read_text() == "before" and list(path.parent.iterdir()) == [path]


def test_no_other_file_is_overwritten_by_whatever_name(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_text("an image")
    (tmp_path / "soft").symlink_to(image)
    (tmp_path / "hard").hardlink_to(image)
    for name in ("image", "soft", "hard", "./image"):
        with pytest.raises(OutputError, match="would overwrite"):
            check_apart(tmp_path / name, [tmp_path / "other", image])
    check_apart(tmp_path / "report", [image])
