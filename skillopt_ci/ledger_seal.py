"""Answers in a ledger that becomes an artifact: sealed, so that only who has the models' key can read them.

Whoever may read a repository may read its artifacts, and answers to held-out tasks say what these tasks want. Keys of
rows, prices and times stay readable: the month's sum and what is stored can be told without the secret.
"""

import hashlib
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from functools import cached_property

_MARK = "sealed:1:"  # JSON never begins like this
_SHORTEST = 16  # whoever guesses a secret can check the guess: words like `none` or `test` are too easy
# scrypt: 16 MiB and some 30 ms a secret, once a process; a model's key is random, and cannot be guessed at any rate.
_COST = {"n": 2**14, "r": 8, "p": 1}


class Seal:
    """Seals texts with the first secret, opens them with any. Safe for threads."""

    def __init__(self, secrets: Sequence[str] = (), *, sealing: bool = False) -> None:
        """Set up a seal.

        Args:
            secrets: values such as a model's key; short ones are not used.
            sealing: seal what is stored. Without a secret that can be used, nobody will ever open it again: better
                bought twice than read by everybody.
        """
        self._secrets = tuple(s for s in dict.fromkeys(secrets) if len(s) >= _SHORTEST)
        self.sealing = sealing
        # Made here: threads that meet in a cached property may each make one of their own, and open nothing of others'.
        self._own = (os.urandom(32),) if sealing and not self._secrets else ()

    @property
    def lasts(self) -> bool:
        """Whether a later process with the same secrets can open what this one seals."""
        return bool(self._secrets)

    def close(self, text: str, key: str) -> str:
        """The text as it is stored, bound to the row's key: in another row it does not open."""
        if not self.sealing:
            return text
        from nacl.secret import Aead

        return _MARK + b64encode(Aead(self._keys[0]).encrypt(text.encode("utf-8", "replace"), key.encode())).decode()

    def open(self, stored: str, key: str) -> str | None:
        """The text that was stored; None when it is sealed and none of the secrets opens it."""
        if not is_sealed(stored):
            return stored
        from nacl.exceptions import CryptoError
        from nacl.secret import Aead

        for secret in self._keys:
            try:
                data = b64decode(stored.removeprefix(_MARK), validate=True)
                return Aead(secret).decrypt(data, key.encode()).decode("utf-8", "replace")
            except (CryptoError, Base64Error, ValueError):
                continue
        return None

    @cached_property
    def _keys(self) -> tuple[bytes, ...]:
        made = (
            hashlib.scrypt(secret.encode("utf-8", "replace"), salt=b"skillopt-ci/ledger/1", dklen=32, **_COST)
            for secret in self._secrets
        )
        return tuple(made) or self._own


def is_sealed(stored: str) -> bool:
    """Whether a stored text is a sealed one."""
    return stored.startswith(_MARK)
