"""Policy files: what is right is enforced as it is written; what is wrong is told, each with its place."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts.policy import Policy
from contracts.rights import HOST, SYSTEM, Right
from isolation_kernel.policy import refusal
from sim.cli.main import main
from sim.policy.policy_file import read_policy

__all__: list[str] = []

ONE, TWO = "1" * 64, "2" * 64
OPEN = f"""
version = 1
[guests.wallet]
identity = "{ONE}"
allow = {{ give-page = ["shop"], unseal = ["wallet"] }}
[guests.shop]
identity = "{TWO}"
[devices.IDE]
allow = {{ use = ["shop"] }}
[host]
allow = {{ messages = ["*"] }}
[system]
allow = {{ run = ["*"], system-shutdown = ["wallet"] }}
"""
MANDATORY = f"""
version = 1
mandatory = true
[labels]
public = []
secret = ["public"]
[guests.wallet]
identity = "{ONE}"
label = "secret"
allow = {{ post = ["shop"] }}
[guests.shop]
identity = "{TWO}"
label = "public"
allow = {{ unseal = ["wallet"] }}
[host]
label = "public"
allow = {{ messages = ["*"] }}
[system]
label = "public"
allow = {{ run = ["*"] }}
"""


def check(folder: Path, text: str | bytes) -> Result:
    path = folder / "policy.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CliRunner().invoke(main, ["policy", "check", str(path)])


def test_a_file_becomes_the_grants_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(OPEN)
    file = read_policy(tmp_path / "policy.toml")
    assert file.policy == Policy(
        frozenset({
            (TWO, Right.GIVE_PAGE, ONE), (ONE, Right.UNSEAL, ONE), (TWO, Right.USE, "IDE"), (ONE, Right.MESSAGES, HOST),
            (TWO, Right.MESSAGES, HOST), (ONE, Right.RUN, SYSTEM), (TWO, Right.RUN, SYSTEM), (ONE, Right.SYSTEM_SHUTDOWN, SYSTEM),
        })
    )  # fmt: skip
    assert file.names == {ONE: "wallet", TWO: "shop"} and not file.labels


def test_a_mandatory_file_holds_its_labels(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(MANDATORY)
    policy = read_policy(tmp_path / "policy.toml").policy
    public = frozenset({"public"})
    assert policy.labels == {ONE: public | {"secret"}, TWO: public, HOST: public, SYSTEM: public}
    assert not refusal(policy, TWO, Right.POST, ONE) and not refusal(policy, ONE, Right.UNSEAL, TWO)
    assert refusal(policy, ONE, Right.MESSAGES, HOST) == "information would go down to it"  # granted to all, and taken back
    assert not refusal(policy, TWO, Right.MESSAGES, HOST)


def test_the_summary_says_who_may_what(tmp_path: Path) -> None:
    done = check(tmp_path, OPEN)
    digest = read_policy(tmp_path / "policy.toml").policy.digest
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "wallet (1111 1111 1111 1111)", "  messages: host", "  system-shutdown: system", "  run: system", "  unseal: wallet",
        "shop (2222 2222 2222 2222)", "  messages: host", "  give-page: wallet", "  run: system", "  use: IDE",
        "not mandatory: who may read something may pass it on", f"digest {digest}",
    ]  # fmt: skip
    mandatory = check(tmp_path, MANDATORY).stdout
    assert "wallet (1111 1111 1111 1111), label secret\n  run: system\n  unseal: shop\nshop" in mandatory
    assert "mandatory: information goes up alone\n  public takes from: no other\n  secret takes from: public\n" in mandatory


def test_how_it_is_written_does_not_change_the_digest(tmp_path: Path) -> None:
    first = check(tmp_path, OPEN).stdout.splitlines()[-1]
    other = OPEN.replace('["*"]', '["shop", "wallet"]').replace("wallet", "purse") + "# the same\n"
    assert check(tmp_path, other).stdout.splitlines()[-1] == first
    assert check(tmp_path, OPEN.replace("give-page", "channel")).stdout.splitlines()[-1] != first


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (OPEN, "version = 1", "", "version: must be 1 and is missing"),
        (OPEN, "version = 1", "version = 2", "version: must be 1"),
        (OPEN, "version = 1", "version = true", "version: must be 1"),
        (OPEN, "version = 1", "version = 1\nguest = 1", "guest: unknown (known are: devices, guests, host, labels, mandatory, system"),
        (OPEN, "version = 1", "version = 1\nmandatory = 1", "mandatory: must be true or false"),
        (OPEN, "version = 1", "version = ", "not TOML: Invalid value (at line 2, column 11)"),
        (OPEN, "[host]", "[labels]\na = []\n[host]", "labels: without effect unless mandatory = true"),
        (OPEN, "[host]", "[host]\nlabel = 'a'", "host.label: without effect unless mandatory = true"),
        (OPEN, ONE, ONE[1:], "guests.wallet.identity: must be 64 hexadecimal digits in small letters"),
        (OPEN, ONE, "A" * 64, "guests.wallet.identity: must be 64 hexadecimal digits in small letters"),
        (OPEN, ONE, TWO, "guests.shop.identity: is that of 'wallet' too"),
        (OPEN, "guests.shop", "guests.IDE", "guests.IDE: 'IDE' is the name of something else"),
        (OPEN, "guests.shop", 'guests."a shop"', "guests.a shop: a name is of letters, digits, '_', '.' and '-'"),
        (OPEN, "devices.IDE", "devices.IDE2", "devices.IDE2: no such device (there are: DMA0, DMA1, COM1, IDE)"),
        (OPEN, "[devices.IDE]\nallow = ", "[devices]\nIDE = ", "devices.IDE.use: unknown (known are: allow, label)"),
        (OPEN, 'use = ["shop"]', 'used = ["shop"]', "devices.IDE.allow.used: unknown (known are: use)"),
        (OPEN, 'use = ["shop"]', 'run = ["shop"]', "devices.IDE.allow.run: unknown (known are: use)"),
        (OPEN, 'use = ["shop"]', 'use = "shop"', "devices.IDE.allow.use: must be a list of strings"),
        (OPEN, 'use = ["shop"]', "use = [1]", "devices.IDE.allow.use: must be a list of strings"),
        (OPEN, 'use = ["shop"]', 'use = ["shop", "shop"]', "devices.IDE.allow.use: 'shop' is there twice"),
        (OPEN, 'use = ["shop"]', 'use = ["ship"]', "devices.IDE.allow.use: no such guest: 'ship'"),
        (OPEN, '{ use = ["shop"] }', '["shop"]', "devices.IDE.allow: must be a table"),
        (OPEN, "[host]", "[[host]]", "host: must be a table"),
        (MANDATORY, "[labels]\npublic = []\nsecret = ", "[other]\nx = ", "labels: a mandatory policy needs labels"),
        (MANDATORY, "public = []", 'public = ["secret"]', "labels.secret: 'public' is below itself: public > secret > public"),
        (MANDATORY, "public = []", 'public = ["none"]', "labels.public: no such label: 'none'"),
        (MANDATORY, "public = []", "public = []\nodd = []", "labels.public: 'public' and 'odd' have no least label above both"),
        (
            MANDATORY, 'secret = ["public"]', 'odd = []\nsecret = ["public", "odd"]',
            "labels.public: 'public' and 'odd' have no greatest label below both",
        ),
        (MANDATORY, 'label = "secret"', 'label = "secrt"', "guests.wallet.label: no such label: 'secrt' (there are: public, secret)"),
        (MANDATORY, 'label = "secret"', "label = 1", "guests.wallet.label: must be a string"),
        (MANDATORY, '[host]\nlabel = "public"', "[host]", "host.label: is missing, and the policy is mandatory"),
        (
            MANDATORY, 'unseal = ["wallet"]', 'channel = ["wallet"]',
            "guests.shop.allow.channel: 'wallet' never may, by the labels: information would go down to it",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, old: str, new: str, message: str) -> None:
    assert old in text and check(tmp_path, text).exit_code == 0  # the control: it is this change that is refused
    done = check(tmp_path, text.replace(old, new))
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"ringfence: {tmp_path / 'policy.toml'}: {message}" in done.stderr
    assert all(line.startswith("ringfence: ") for line in done.stderr.splitlines())


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    done = check(tmp_path, OPEN.replace("version = 1", "").replace('["shop"]', '["ship"]'))
    assert len(done.stderr.splitlines()) == 3


def test_what_cannot_be_read(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["policy", "check", str(tmp_path / "none")])
    assert done.exit_code == 2 and done.stderr == f"ringfence: {tmp_path / 'none'}: cannot be read: No such file or directory\n"
    assert "byte 0: not UTF-8" in check(tmp_path, b"\xff").stderr
