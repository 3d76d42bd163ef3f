"""Who may what: the one function that every decision of the kernel about a guest comes from.

Deny by default. ``sim/policy`` reads a policy file, checks it and makes the value; a mistake there can grant what nobody meant to grant,
but no grant can make information go down.
"""

from contracts.policy import Policy
from contracts.rights import Right

__all__ = ["refusal"]

_GOES_IN = frozenset({Right.SYSTEM_SHUTDOWN, Right.POST, Right.SEAL, Right.ATTEST})  # from the guest to what it is about, nothing back
_COMES_OUT = frozenset({Right.UNSEAL})  # to the guest, and nothing from it
_STAYS = frozenset({Right.RUN})  # with every other right information goes both ways


def refusal(policy: Policy, who: str, right: Right, about: str) -> str:
    """Why a guest may not; nothing if it may."""
    if policy.grants is not None and (who, right, about) not in policy.grants:
        return "not granted"
    if policy.labels is None or right in _STAYS:
        return ""
    own, other = policy.labels.get(who), policy.labels.get(about)
    if own is None or other is None:
        return "no label"
    if right not in _COMES_OUT and not own <= other:
        return "information would go down to it"
    if right not in _GOES_IN and not other <= own:
        return "information would come down from it"
    return ""
