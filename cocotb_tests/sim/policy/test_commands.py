"""``ringfence audit``, and what ``ringfence run --guest`` does with a policy and a log, as far as no machine is needed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.sim.policy.test_policy_file import ONE, OPEN
from contracts.rights import HOST
from isolation_kernel.audit import AuditLog
from sim.cli.main import main
from sim.policy.audit_file import AuditWriter

__all__: list[str] = []


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "audit.log"
    writer = AuditWriter(path)
    kernel = AuditLog(writer)
    kernel.append(policy="3" * 64)
    kernel.append(who=ONE, what="MESSAGES", about=HOST, decision="allowed", why="")
    kernel.append(who=ONE, what="GIVE_PAGE", about="2" * 64, decision="refused", why="not granted")
    writer.close()
    return path, kernel.head


def test_a_log_is_told_as_a_story(log: tuple[Path, str], tmp_path: Path) -> None:
    path, head = log
    done = CliRunner().invoke(main, ["audit", str(path), "--head", head])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"     1 policy {'3' * 64}",
        "     2 1111 1111 1111 1111 MESSAGES about host: allowed",
        "     3 1111 1111 1111 1111 GIVE_PAGE about 2222 2222 2222 2222: refused: not granted",
        f"ringfence: 3 records, the chain holds, head {head}",
    ]
    (tmp_path / "policy.toml").write_text(OPEN)
    named = CliRunner().invoke(main, ["audit", str(path), "--policy", str(tmp_path / "policy.toml")]).stdout
    assert "wallet GIVE_PAGE about shop: refused" in named and "is not known without --head" in named


def test_a_broken_log_ends_with_2_and_the_first_broken_record(log: tuple[Path, str]) -> None:
    path, head = log
    path.write_text(path.read_text().replace("refused", "allowed"))
    done = CliRunner().invoke(main, ["audit", str(path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ringfence: {path}:3: record 3 does not follow from the records before it")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    done = CliRunner().invoke(main, ["audit", str(path), "--head", head])
    assert done.exit_code == 2 and "record 3 is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("audit none", "none: cannot be read: No such file or directory"),
        ("audit none --head 12", "--head: must be 64 hexadecimal digits"),
        ("audit none --policy none", "none: cannot be read"),
        ("run none --policy none", "--policy, --audit, --launch and --phrase are for --guest"),
        ("run none --audit none", "--policy, --audit, --launch and --phrase are for --guest"),
        ("policy identity none", "none: "),
        ("policy", "Usage"),
    ],
)
def test_mistakes_are_told(arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments.split())
    assert done.exit_code == 2 and message in done.output
