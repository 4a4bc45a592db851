"""How a JPEG wants to be turned, read and done within a TensorFlow graph, which has no operation for it.

What is read is the EXIF block alone: XMP, and PNG files that carry an orientation, are not.

Source: Exif 2.32, 4.5 to 4.6 (a TIFF header behind `Exif` in the segment APP1); JPEG's segments, ITU-T T.81, B.1.1.
"""

from __future__ import annotations

from typing import Any

_SEARCHED = 1 << 20  # bytes of a file: what stands before its pixels
_APP1, _END_OF_SEGMENTS = 0xE1, (0xDA, 0xD9)  # scan, end of the picture
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_BYTES_OF_TYPE = {1: 1, 3: 2, 4: 4}  # of TIFF's types that an orientation may have
_MIRRORED, _OVERTURNED, _SIDEWAYS = (2, 3, 6, 7), (3, 4, 7, 8), (5, 6, 7, 8)
_SPARE = 32  # noughts behind the bytes, so that a block that is cut reads as none


def upright(picture: Any, encoded: Any) -> Any:
    """A decoded JPEG as its EXIF orientation wants it seen.

    Args:
        picture: shape (height, width, channels).
        encoded: the file, a scalar string.
    """
    import tensorflow as tf

    turn = orientation(encoded)

    def has(values: tuple[int, ...]) -> Any:
        return tf.reduce_any(turn == tf.constant(values))

    picture = tf.cond(has(_SIDEWAYS), lambda: tf.transpose(picture, (1, 0, 2)), lambda: picture)
    picture = tf.cond(has(_MIRRORED), lambda: picture[:, ::-1], lambda: picture)
    return tf.cond(has(_OVERTURNED), lambda: picture[::-1], lambda: picture)


def orientation(encoded: Any) -> Any:
    """1..8 as in EXIF, int32; anything else where a JPEG says nothing.

    Args:
        encoded: the file, a scalar string.
    """
    import tensorflow as tf

    data = tf.io.decode_raw(tf.strings.substr(encoded, 0, _SEARCHED), tf.uint8)
    size = tf.size(data)
    data = tf.pad(data, [[0, _SPARE]])

    def byte(at: Any) -> Any:
        return tf.cast(tf.gather(data, tf.clip_by_value(at, 0, size + _SPARE - 1)), tf.int32)

    def is_exif(at: Any) -> Any:
        found = byte(at + 4 + tf.range(len(_EXIF)))
        return (byte(at + 1) == _APP1) & tf.reduce_all(found == tf.constant(list(_EXIF)))

    def goes_on(at: Any) -> Any:
        last = tf.reduce_any(byte(at + 1) == tf.constant(_END_OF_SEGMENTS))
        return (at + 4 < size) & (byte(at) == 0xFF) & ~last & ~is_exif(at)

    def behind(at: Any) -> Any:
        length = tf.maximum(2, 256 * byte(at + 2) + byte(at + 3))
        return tf.where(byte(at + 1) == 0xFF, at + 1, at + 2 + length)  # a marker may have bytes of 255 before it

    at = tf.while_loop(goes_on, lambda at: (behind(at),), [tf.constant(2)])[0]
    return tf.cond((byte(at) == 0xFF) & is_exif(at), lambda: _in_block(byte, at + 4 + len(_EXIF), size), lambda: 0)


def _in_block(byte: Any, start: Any, size: Any) -> Any:
    """The orientation in a block that begins there with TIFF's header."""
    import tensorflow as tf

    little = byte(start) == ord("I")

    def number(at: Any, count: int) -> Any:
        parts = [byte(at + number) for number in range(count)]
        rising = sum(part * 256**power for power, part in enumerate(parts))
        return tf.where(little, rising, sum(part * 256**power for power, part in enumerate(reversed(parts))))

    first = start + tf.clip_by_value(number(start + 4, 4), 0, size)
    entries = first + 2 + 12 * tf.range(tf.minimum(number(first, 2), size // 12))
    kinds = number(entries + 2, 2)
    values = sum(tf.where(kinds == kind, number(entries + 8, width), 0) for kind, width in _BYTES_OF_TYPE.items())
    mine = (number(entries, 2) == _ORIENTATION) & (number(entries + 4, 4) == 1)
    return tf.reduce_max(tf.concat([tf.where(mine, values, 0), [0]], axis=0))
