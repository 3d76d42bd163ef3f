"""Remote authentication, the kernel's side: what it measures, and the TPM's quote of a guest.

The attestation key is made by the TPM, from a seed that never leaves it, each time that it is needed: the same key whenever its template
is the same. Its policy is the launched kernel's locality, so nothing but what a late launch has started can use it; which kernel that is,
the quote itself says (PCR 17 to 19). It is a restricted key: it signs no quote that the TPM did not make.
"""

from contracts import tpm2
from contracts.attestation import Quoted, qualifying_data
from contracts.event_log import Event, Pcr, decode, encode
from contracts.tpm2 import Algorithm, Attributes, Command, Handle
from isolation_kernel.sealing import PASSWORD, policy
from isolation_kernel.tpm import Tpm

__all__ = ["Attestation"]

_OWN = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.SENSITIVE_DATA_ORIGIN | Attributes.ADMIN_WITH_POLICY | Attributes.NO_DA
_KEY = _OWN | Attributes.RESTRICTED | Attributes.SIGN


class Attestation:
    """``log``: of what was measured before the kernel ran, by the late launch and the secure loader."""

    def __init__(self, tpm: Tpm, log: bytes) -> None:
        self._tpm = tpm
        self._events = list(decode(log))

    def measure(self, event: Event) -> None:
        """The kernel measures something, which is PCR 19's, and logs it."""
        self._tpm.run(Command.PCR_EXTEND, event.kind.pcr, parameters=tpm2.extension(event.digest), sessions=PASSWORD)
        self._events.append(event)

    def quote(self, nonce: bytes, identity: bytes, data: bytes) -> Quoted:
        """For a verifier's nonce: the guest ``identity`` says ``data``. The caller must know that it is that guest."""
        asked = tpm2.sized(qualifying_data(nonce, identity, data)) + Algorithm.NULL.to_bytes(2, "big") + tpm2.pcr_selection(Pcr)
        with policy(self._tpm, ()) as (session, fulfilled):
            template = tpm2.new_object(tpm2.ecc_signing_key(_KEY, fulfilled))
            key = self._tpm.run(Command.CREATE_PRIMARY, Handle.ENDORSEMENT, parameters=template, sessions=PASSWORD)
            try:
                signed = self._tpm.run(Command.QUOTE, key.handle, parameters=asked, sessions=(session,))
            finally:
                self._tpm.run(Command.FLUSH_CONTEXT, parameters=tpm2.handle(key.handle))
        return Quoted(signed.first, signed.rest, key.first, encode(self._events))
