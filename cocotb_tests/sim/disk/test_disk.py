"""The simulated disk: a file in sectors, on Verilator and on Icarus; a program that uses it; and one clear line for a bad image."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chipset.devices.storage.port import SECTOR_WORDS, StorageOp
from cocotb_tests.sim.test_run import ringfence
from contracts.ide import SECTOR_SIZE
from sim.disk import SIM_DISK, DiskError, disk_arguments
from sim.machine import Ending, Machine
from sim.model import Model, ModelSpec, build_model
from sim.multiboot import read_multiboot
from sim.programs.assemble import link

__all__: list[str] = []

PROGRAM = Path(__file__).parent / "sectors.c"
SECTORS = 4
FAR = (6 << 30) // SECTOR_SIZE + 5  # beyond what 32 bits of offset reach


def disk_model(image: Path | None) -> Model:
    spec = ModelSpec("chipset.devices.storage.simulation_disk:SimulationDisk", verilog=(SIM_DISK,))
    return Model(build_model(spec), disk_arguments(image) if image else ())


class Storage:
    """The controller's side of the storage port."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def tick(self) -> None:
        self.model.run(1)

    def request(self, op: StorageOp, sector: int) -> None:
        self.model.set("port__request__payload", op.value | sector << 2)
        self.model.set("port__request__valid", 1)
        assert self.model.get("port__request__ready")
        self.tick()
        self.model.set("port__request__valid", 0)

    def done(self) -> bool:
        """Whether it succeeded."""
        for _ in range(4):
            if self.model.get("port__done"):
                error = self.model.get("port__error")
                self.tick()
                return not error
            self.tick()
        raise AssertionError("it is not done")

    def read(self, sector: int) -> bytes | None:
        self.request(StorageOp.READ, sector)
        words: list[int] = []
        while self.model.get("port__read__valid"):
            ready = len(words) % 3 != 2 or self.model.cycle % 2 == 0  # with pauses
            self.model.set("port__read__ready", ready)
            if ready:
                words.append(self.model.get("port__read__payload"))
            self.tick()
        return b"".join(w.to_bytes(4, "little") for w in words) if self.done() else None

    def write(self, sector: int, data: bytes, words: int = SECTOR_WORDS) -> None:
        self.request(StorageOp.WRITE, sector)
        for n in range(words):
            self.model.set("port__write__payload", int.from_bytes(data[4 * n : 4 * n + 4], "little"))
            self.model.set("port__write__valid", 1)
            assert self.model.get("port__write__ready")
            self.tick()
        self.model.set("port__write__valid", 0)


@pytest.fixture
def image(tmp_path: Path, rng) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(f"this is sector {n}".encode() + rng.randbytes(SECTOR_SIZE - 16) for n in range(SECTORS)))
    return path


def test_sectors_are_the_files(image: Path, rng) -> None:
    content = bytearray(image.read_bytes())
    with disk_model(image) as model:
        storage = Storage(model)
        assert model.get("port__sectors") == SECTORS
        for _ in range(12):
            sector = rng.randrange(SECTORS)
            place = slice(sector * SECTOR_SIZE, (sector + 1) * SECTOR_SIZE)
            if rng.random() < 0.5:
                assert storage.read(sector) == bytes(content[place])
            else:
                content[place] = rng.randbytes(SECTOR_SIZE)
                storage.write(sector, bytes(content[place]))
                assert storage.done()
                assert image.read_bytes() == content  # at once, before any flush
        storage.request(StorageOp.FLUSH, 0)
        assert storage.done()


def test_a_sector_that_reset_cuts_off_is_not_written(image: Path, rng) -> None:
    before = image.read_bytes()
    with disk_model(image) as model:
        storage = Storage(model)
        storage.write(1, rng.randbytes(SECTOR_SIZE), SECTOR_WORDS - 1)
        model.set("port__reset", 1)
        storage.tick()
        model.set("port__reset", 0)
        assert image.read_bytes() == before
        assert storage.read(0) == before[:SECTOR_SIZE]


def test_a_file_that_shrinks_gives_errors(image: Path) -> None:
    with disk_model(image) as model:
        storage = Storage(model)
        image.write_bytes(image.read_bytes()[: 2 * SECTOR_SIZE])
        assert storage.read(3) is None
        assert storage.read(1) is not None


def test_a_large_image(tmp_path: Path, rng) -> None:
    """Sparse, with a sector beyond 4 GiB."""
    image = tmp_path / "large.img"
    data = rng.randbytes(SECTOR_SIZE)
    with image.open("wb") as file:
        file.truncate((FAR + 10) * SECTOR_SIZE)
        file.seek(FAR * SECTOR_SIZE)
        file.write(data)
    with disk_model(image) as model:
        storage = Storage(model)
        assert model.get("port__sectors") == FAR + 10
        assert storage.read(FAR) == data
        storage.write(FAR + 1, data[::-1])
        assert storage.done()
    with image.open("rb") as file:
        file.seek((FAR + 1) * SECTOR_SIZE)
        assert file.read(SECTOR_SIZE) == data[::-1]


def test_without_an_image_there_is_no_drive() -> None:
    with disk_model(None) as model:
        assert model.get("port__sectors") == 0


TESTBENCH = """
module testbench;
    reg clk = 0, reset = 0, request_valid = 0, read_ready = 1, write_valid = 0;
    reg [1:0] request_op = 0;
    reg [27:0] request_sector = 0;
    reg [31:0] write_data = 0;
    wire [27:0] sectors;
    wire [31:0] read_data;
    wire request_ready, read_valid, write_ready, done, error;
    sim_disk disk (.*);
    always #5 clk = ~clk;
    reg [31:0] words [0:127];
    integer n = 0;
    initial begin
        request_valid = 1; request_sector = 1;
        @(negedge clk); request_valid = 0;
        while (!done) begin
            if (read_valid) begin words[n] = read_data; n = n + 1; end
            @(negedge clk);
        end
        $display("%0d sectors, %0d words, error %0d", sectors, n, error);
        @(negedge clk); request_valid = 1; request_op = 1; request_sector = 2;
        @(negedge clk); request_valid = 0; write_valid = 1;
        for (n = 0; n < 128; n = n + 1) begin write_data = ~words[n]; @(negedge clk); end
        $display("done %0d, error %0d", done, error);
        $finish;
    end
endmodule
"""


@pytest.mark.icarus
def test_on_icarus(image: Path, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    (tmp_path / "testbench.sv").write_text(TESTBENCH)
    program = tmp_path / "testbench.vvp"
    before = image.read_bytes()
    subprocess.run(["iverilog", "-g2012", "-o", program, tmp_path / "testbench.sv", SIM_DISK], check=True)
    done = subprocess.run(["vvp", "-n", program, *disk_arguments(image)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{SECTORS} sectors, 128 words, error 0", "done 1, error 0"]
    sectors = [before[n : n + SECTOR_SIZE] for n in range(0, len(before), SECTOR_SIZE)]
    sectors[2] = bytes(~b & 0xFF for b in sectors[1])
    assert image.read_bytes() == b"".join(sectors)


def test_a_program_reads_and_writes_sectors(image: Path) -> None:
    """The whole machine, from PCI to the file: programmed I/O by words and dwords, DMA, FLUSH CACHE."""
    before = image.read_bytes()
    program = link("disk_sectors", (PROGRAM,))
    with Machine(disk=image) as machine:
        machine.load_multiboot(read_multiboot(program.path, machine.config.memory))
        outcome = machine.run(1_000_000)
        assert (outcome.ending, outcome.status) == (Ending.EXIT, 1)
        assert bytes(machine.outputs["debug"]) == before[SECTOR_SIZE : SECTOR_SIZE + 16]
        after = image.read_bytes()  # while the machine is still there
    sectors = [before[n : n + SECTOR_SIZE] for n in range(0, len(before), SECTOR_SIZE)]
    sectors[2] = bytes(~b & 0xFF for b in sectors[1])
    assert after == b"".join(sectors)


def test_a_program_finds_no_drive_without_an_image() -> None:
    program = link("disk_sectors", (PROGRAM,))
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(program.path, machine.config.memory))
        assert machine.run(1_000_000).status == 1 << 1 | 1


def test_command_line(image: Path) -> None:
    before = image.read_bytes()
    done = ringfence("run", link("disk_sectors", (PROGRAM,)).path, "--disk", image)
    assert (done.returncode, done.stdout) == (1, "this is sector 1")
    assert image.read_bytes() != before


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"", "the file is empty"), (bytes(SECTOR_SIZE + 1), "no whole number"), (bytes(100), "no whole number")],
    ids=["missing", "empty", "a byte too long", "short"],
)
def test_a_bad_image_is_one_clear_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "disk.img"
    if content is not None:
        path.write_bytes(content)
    done = ringfence("run", link("disk_sectors", (PROGRAM,)).path, "--disk", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and str(path) in done.stderr and done.stderr.count("\n") == 1


def test_other_bad_images(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="Is a directory"):
        disk_arguments(tmp_path)
    large = tmp_path / "large.img"
    with large.open("wb") as file:
        file.truncate((1 << 28) * SECTOR_SIZE)
    with pytest.raises(DiskError, match="at most"):
        disk_arguments(large)


def test_the_first_guest_gets_the_disk(image: Path) -> None:
    before = image.read_bytes()
    done = ringfence("run", "--guest", link("disk_sectors", (PROGRAM,)).path, "--disk", image)
    assert done.returncode == 1 and "status 0" in done.stderr + done.stdout
    assert image.read_bytes() != before
