"""Where this machine's apt gets Debian's source packages from: the entries that it has for the distribution, turned into deb-src ones."""

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["source_entries"]

_LINE = re.compile(r"deb(?:-src)?\s+(?P<options>\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")
_COMPONENT = "main"
_UPDATES = "-updates"


def _distribution(release: Path) -> tuple[str, str]:
    """Its name and code name: ``debian``, ``bookworm``."""
    text = release.read_text() if release.is_file() else ""
    known = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return known.get("ID", "debian").strip('"'), known.get("VERSION_CODENAME", "").strip('"')


def _is_distributions(release: tuple[str, str], uris: str, suites: str, components: str) -> bool:
    """Whether it is the distribution's own archive: others seldom have sources."""
    name, code_name = release
    mirror = any(uri.rstrip("/").endswith(f"/{name}") for uri in uris.split())
    own = bool(code_name) and any(suite in (code_name, code_name + _UPDATES) for suite in suites.split())
    return (mirror or own) and _COMPONENT in components.split()


def _of_list(text: str, release: tuple[str, str]) -> Iterator[str]:
    """Of a file with an entry a line."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line.partition("#")[0].strip())
        if found and _is_distributions(release, found["uri"], found["suite"], found["components"]):
            yield f"deb-src {found['options'] or ''}{found['uri']} {found['suite']} {found['components']}"


def _of_stanzas(text: str, release: tuple[str, str]) -> Iterator[str]:
    """Of a file with an entry a stanza, its fields a line each or more."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields = {
            field[1].lower(): field[2].replace("\n", " ").strip() for field in re.finditer(r"(?m)^(\S+):((?:.*)(?:\n[ \t].*)*)$", stanza)
        }
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if _is_distributions(release, fields.get("uris", ""), fields.get("suites", ""), fields.get("components", "")):
            yield re.sub(r"(?mi)^types:.*$", "Types: deb-src", stanza.strip("\n"))


def source_entries(etc: Path = Path("/etc")) -> dict[str, str]:
    """Names and texts of files for a ``sourceparts`` folder of apt's, by which it finds the distribution's source packages; empty if apt
    has no entry for the distribution."""
    release, apt = _distribution(etc / "os-release"), etc / "apt"
    parts = sorted((apt / "sources.list.d").glob("*"))
    found: dict[str, str] = {}
    for path in [apt / "sources.list", *parts]:
        if not path.is_file():
            continue
        if path.suffix == ".list":
            entries, between = _of_list(path.read_text(), release), "\n"
        elif path.suffix == ".sources":
            entries, between = _of_stanzas(path.read_text(), release), "\n\n"
        else:
            continue
        if text := between.join(dict.fromkeys(entries)):
            found[path.name] = text + "\n"
    return found
