"""``ringfence audit``: what the kernel decided, from its log."""

import re
from pathlib import Path

import click

from contracts.canonical import short
from sim.cli.errors import PROGRAM, fail, user_errors

__all__ = ["command"]

_IDENTITY = re.compile(r"[0-9a-f]{64}")


@click.command("audit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--head", help="Where the chain must end, as ringfence run --audit prints it.")
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), help="A policy file whose names of guests are used.")
def command(file: Path, head: str | None, policy_path: Path | None) -> None:
    """Read FILE, an audit log, and check its chain. Exit status 2 with the first record that is broken."""
    from sim.policy.audit_file import AuditError, read_audit
    from sim.policy.policy_file import PolicyError, read_policy

    if head is not None and not _IDENTITY.fullmatch(head):
        fail("--head: must be 64 hexadecimal digits in small letters")
    try:
        names = read_policy(policy_path).names if policy_path is not None else {}
    except PolicyError as error:
        fail(error.brief)
    with user_errors(AuditError):
        log = read_audit(file, head)

    def name(who: str) -> str:
        return names.get(who) or (short(who) if _IDENTITY.fullmatch(who) else who)

    for number, record in enumerate(log.records, 1):
        if "policy" in record:
            print(f"{number:6} policy {record['policy']}")
        else:
            why = f": {record['why']}" if record["why"] else ""
            print(f"{number:6} {name(record['who'])} {record['what']} about {name(record['about'])}: {record['decision']}{why}")
    print(
        f"{PROGRAM}: {len(log.records)} records, the chain holds, head {log.head}"
        + ("" if head else "; whether it is the last is not known without --head")
    )
