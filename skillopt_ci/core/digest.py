"""Identity is content: digests of values, never of positions, paths or times."""

import hashlib
import json


def digest(value: object) -> str:
    """SHA-256 (64 hex digits) of a JSON value in one canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 (64 hex digits) of a text as UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fraction(*parts: str | int) -> float:
    """A number in [0, 1) that depends on nothing but `parts`: seeded choices without a random source."""
    raw = hashlib.sha256("\x1f".join(str(p) for p in parts).encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(raw[:7], "big") >> 3) / (1 << 53)  # 53 bits: what a float holds without rounding up to 1
