"""Who may what: the one function that every decision of the kernel about a guest comes from.

A policy is a value: grants (deny by default) and, if it is mandatory, labels. A label is a set of marks, and information may go from one
label to another only if that has all its marks: so labels are a lattice, whoever made them and however. ``sim/policy`` reads a policy
file, checks it and makes this value; a mistake there can grant what nobody meant to grant, but no grant can make information go down.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.canonical import canonical, digest
from contracts.rights import Right

__all__ = ["Policy"]

_GOES_IN = frozenset({Right.SYSTEM_SHUTDOWN, Right.POST, Right.SEAL, Right.ATTEST})  # from the guest to what it is about, nothing back
_COMES_OUT = frozenset({Right.UNSEAL})  # to the guest, and nothing from it
_STAYS = frozenset({Right.RUN})  # with every other right information goes both ways


@dataclass(frozen=True)
class Policy:
    """``grants``: who, what, about what; None, the default: whatever is among a guest's rights, about anything: it is as if there were no
    policy. ``labels``, of guests, devices, HOST and SYSTEM: None if the policy is not mandatory."""

    grants: frozenset[tuple[str, Right, str]] | None = None
    labels: Mapping[str, frozenset[str]] | None = None

    def refusal(self, who: str, right: Right, about: str) -> str:
        """Why a guest may not; nothing if it may."""
        if self.grants is not None and (who, right, about) not in self.grants:
            return "not granted"
        if self.labels is None or right in _STAYS:
            return ""
        own, other = self.labels.get(who), self.labels.get(about)
        if own is None or other is None:
            return "no label"
        if right not in _COMES_OUT and not own <= other:
            return "information would go down to it"
        if right not in _GOES_IN and not other <= own:
            return "information would come down from it"
        return ""

    @property
    def digest(self) -> str:
        """The digest of what is enforced, however it was written down."""
        grants = None if self.grants is None else sorted([who, right.name, about] for who, right, about in self.grants)
        labels = None if self.labels is None else {who: sorted(label) for who, label in self.labels.items()}
        return digest(canonical({"grants": grants, "labels": labels}).encode())
