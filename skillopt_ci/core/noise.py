"""Seeded randomness without a random source: numbers that depend on nothing but the given parts."""

import hashlib
import struct


def words(count: int, *parts: str | int) -> tuple[int, ...]:
    """`count` integers, uniform in [0, 2**32): SHAKE-256 of the parts, the same on every machine."""
    raw = hashlib.shake_256("\x1f".join(str(p) for p in parts).encode("utf-8", "surrogatepass")).digest(4 * count)
    return struct.unpack(f"<{count}I", raw)


def uniforms(count: int, *parts: str | int) -> list[float]:
    """`count` numbers, uniform in [0, 1), in steps of 2**-32."""
    return [word / 4294967296 for word in words(count, *parts)]
