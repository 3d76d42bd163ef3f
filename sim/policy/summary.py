"""A policy in words: who may what, who may tell whom, and the digest."""

from collections.abc import Iterator

from contracts.canonical import short
from contracts.rights import Right
from isolation_kernel.policy import refusal
from sim.policy.policy_file import PolicyFile, right_name

__all__ = ["summary"]


def _grants(file: PolicyFile, who: str) -> Iterator[str]:
    grants = file.policy.grants or frozenset()
    for right in Right:
        things = sorted(file.name(about) for subject, r, about in grants if (subject, r) == (who, right))
        held = [t for t in things if not refusal(file.policy, who, right, next(k for _, _, k in grants if file.name(k) == t))]
        if held:
            yield f"  {right_name(right)}: {', '.join(held)}"


def summary(file: PolicyFile) -> str:
    """Some lines."""
    lines = []
    for identity, name in file.names.items():
        label = f", label {file.labels[name]}" if name in file.labels else ""
        lines += [f"{name} ({short(identity)}){label}", *(list(_grants(file, identity)) or ["  nothing"])]
    if file.policy.labels is None:
        lines.append("not mandatory: who may read something may pass it on")
    else:
        lines.append("mandatory: information goes up alone")
        lines += [f"  {label} takes from: {', '.join(below) or 'no other'}" for label, below in file.below.items()]
        others = [f"{name} {label}" for name, label in file.labels.items() if name not in file.names.values()]
        lines += [f"  labels beside guests': {', '.join(others)}"] if others else []
    return "\n".join([*lines, f"digest {file.policy.digest}"])
