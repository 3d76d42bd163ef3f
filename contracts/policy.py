"""A policy as a value: what a policy file comes to, and what the kernel decides by (``isolation_kernel/policy.py``).

A label is a set of marks, and information may go from one label to another only if that has all its marks: so labels are a lattice,
whoever made them and however.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.canonical import canonical, digest
from contracts.rights import Right

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """``grants``: who, what, about what; None, the default: whatever is among a guest's rights, about anything: it is as if there were no
    policy. ``labels``, of guests, devices, HOST and SYSTEM: None if the policy is not mandatory."""

    grants: frozenset[tuple[str, Right, str]] | None = None
    labels: Mapping[str, frozenset[str]] | None = None

    @property
    def digest(self) -> str:
        """The digest of what is enforced, however it was written down."""
        grants = None if self.grants is None else sorted([who, right.name, about] for who, right, about in self.grants)
        labels = None if self.labels is None else {who: sorted(label) for who, label in self.labels.items()}
        return digest(canonical({"grants": grants, "labels": labels}).encode())
