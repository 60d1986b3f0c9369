"""
Who a row is: 128-bit hashes of its values, computed by column.

Each distinct value of a column is hashed once (BLAKE2b, personalised by the column's name); a
row's hash is the sum of its values' hashes, in two 64-bit lanes. Rows that differ in any column
get unrelated sums, and no Python code runs per row. docs/decisions/ has the reasons.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Lanes = npt.NDArray[np.uint64]
"""Shape ``(2, n)``: the high and the low 64 bits of *n* hashes."""

_PERSON_BYTES: Final = 16  # the limit of BLAKE2b
_DIGITS: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def value_lanes(column: str, values: pa.Array) -> Lanes:
    """Hash distinct *values* (text, or a type with text form); null hashes to zero."""
    person = blake2b(column.encode(), digest_size=_PERSON_BYTES).digest()
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())  # the text form of a time is Arrow's to change
    digests = [
        bytes(_PERSON_BYTES)
        if value is None
        else blake2b(value.encode(), digest_size=16, person=person).digest()
        for value in values.cast(pa.string()).to_pylist()
    ]
    words = np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)
    return words.reshape(-1, 2).T.copy()


def text_lanes(column: str, text: str) -> Lanes:
    """Hash one value; shape ``(2, 1)``."""
    return value_lanes(column, pa.array([text]))


def mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64-bit words by the finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: npt.NDArray[np.uint64] = words ^ (words >> np.uint64(31))
    return scrambled


def number_lanes(column: str, numbers: pa.Array) -> Lanes:
    """Hash decimals or 64-bit integers row by row, vectorised; null hashes to zero."""
    seed = text_lanes(column, "number")
    if pa.types.is_decimal(numbers.type):
        words = np.frombuffer(numbers.buffers()[1], dtype=np.uint64)
        words = words[numbers.offset * 2 : (numbers.offset + len(numbers)) * 2].reshape(-1, 2)
        low, high = words[:, 0], words[:, 1]
    else:
        low = numbers.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
        high = np.zeros_like(low)
    lanes = np.stack([mix(mix(low ^ lane[0]) ^ high) for lane in seed])
    lanes[:, numbers.is_null().to_numpy(zero_copy_only=False)] = 0
    return lanes


def row_digest(lanes: Lanes) -> Lanes:
    """Sum scrambled row hashes: equal multisets of rows give equal sums; shape ``(2, 1)``."""
    high, low = lanes
    scrambled = np.stack([mix(high ^ mix(low)), mix(low + mix(high ^ np.uint64(1)))])
    total: Lanes = scrambled.sum(axis=1, dtype=np.uint64).reshape(2, 1)
    return total


def hexadecimal(lanes: Lanes) -> pa.Array:
    """Write hashes as 32 hex digits each; sorts like the pair (high, low)."""
    count = lanes.shape[1]
    octets = np.ascontiguousarray(lanes.T.astype(">u8")).view(np.uint8)
    digits = np.empty((count, 32), dtype=np.uint8)
    octets = octets.reshape(count, 16)
    digits[:, 0::2] = _DIGITS[octets >> 4]
    digits[:, 1::2] = _DIGITS[octets & 15]
    offsets = np.arange(0, 32 * count + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))
