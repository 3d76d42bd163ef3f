"""Who may what: the one function that every decision of the kernel about a guest comes from.

Deny by default. ``sim/policy`` reads a policy file, checks it and makes the value; a mistake there can grant what nobody meant to grant,
but no grant can make information go down.
"""

from contracts.policy import Policy
from contracts.rights import COMES_OUT, GOES_IN, STAYS, Right

__all__ = ["refusal"]


def refusal(policy: Policy, who: str, right: Right, about: str) -> str:
    """Why a guest may not; nothing if it may."""
    if policy.grants is not None and (who, right, about) not in policy.grants:
        return "not granted"
    if policy.labels is None or right in STAYS:
        return ""
    own, other = policy.labels.get(who), policy.labels.get(about)
    if own is None or other is None:
        return "no label"
    if right not in COMES_OUT and not own <= other:
        return "information would go down to it"
    if right not in GOES_IN and not other <= own:
        return "information would come down from it"
    return ""
