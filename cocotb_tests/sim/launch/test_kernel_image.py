"""The digest that stands for the kernel while it runs in Python: one bit of its source is another kernel, and nothing else is."""

import shutil
from pathlib import Path

from sim.launch.kernel_image import kernel_digest, kernel_sources

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[3]


def copied(folder: Path) -> Path:
    for room in ("contracts", "isolation_kernel", "virtual_pc"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_it_is_of_the_files_alone(tmp_path: Path) -> None:
    one, other = copied(tmp_path / "one"), copied(tmp_path / "other")
    assert kernel_digest(one) == kernel_digest(other) == kernel_digest()
    (one / "isolation_kernel" / "model" / "cpu.py").write_text("# the machine of the tests is no part of it\n")
    (one / "isolation_kernel" / "note.txt").write_text("nor is this")
    assert kernel_digest(one) == kernel_digest()


def test_a_change_a_name_and_a_file_more_make_another(tmp_path: Path, rng) -> None:
    names = [file.relative_to(ROOT) for file in kernel_sources()]
    assert Path("isolation_kernel/kernel.py") in names and Path("contracts/vmcb.py") in names and Path("virtual_pc/ports.py") in names
    seen = {kernel_digest()}
    for n, change in enumerate(("bit", "name", "more", "less", "moved")):
        root = copied(tmp_path / str(n))
        file = root / rng.choice(names)
        data = file.read_bytes()
        if change == "bit" and data:
            file.write_bytes(bytes((data[0] ^ 1,)) + data[1:])
        elif change == "name":
            file.rename(file.with_name("renamed.py"))
        elif change == "more" or not data:
            (file.parent / "more.py").write_text("")
        elif change == "less":
            file.unlink()
        else:
            file.write_bytes(b"")
            (file.parent / "moved.py").write_bytes(data)
        seen.add(kernel_digest(root))
    assert len(seen) == 6
