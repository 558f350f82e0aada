"""Plain quantisers for two GGUF block formats that the gguf package can read but not write.

They round to the nearest step and search for nothing: the goldens only need valid files, since
golden outputs are computed from what the file holds. Layouts: the GGUF specification's Q4_K and Q6_K,
256 elements per block, rows a multiple of that.
"""

import numpy as np


def quantize_q4_k(weights):
    """x ~ d * scale * q - dmin * min per 32 elements, q in 0..15, scale and min in 0..63. 144 bytes."""
    rows, columns = weights.shape
    x = weights.reshape(-1, 8, 32).astype(np.float32)
    low = np.minimum(x.min(-1), 0)
    step, floor = (x.max(-1) - low) / 15, -low  # (blocks, 8)
    d = (step.max(-1, keepdims=True) / 63).astype(np.float16)
    d_min = (floor.max(-1, keepdims=True) / 63).astype(np.float16)

    def in_units(value, unit):
        unit = unit.astype(np.float32)
        return np.clip(np.rint(np.divide(value, unit, out=np.zeros_like(value), where=unit > 0)), 0, 63).astype(np.uint8)

    scales, mins = in_units(step, d), in_units(floor, d_min)
    real_step = (d.astype(np.float32) * scales)[..., None]
    real_floor = (d_min.astype(np.float32) * mins)[..., None]
    q = np.divide(x + real_floor, real_step, out=np.zeros_like(x), where=real_step > 0)
    q = np.clip(np.rint(q), 0, 15).astype(np.uint8)  # (blocks, 8, 32)
    packed = np.empty((x.shape[0], 12), np.uint8)
    packed[:, 0:4] = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    packed[:, 4:8] = mins[:, :4] | (mins[:, 4:] >> 4) << 6
    packed[:, 8:12] = (scales[:, 4:] & 15) | (mins[:, 4:] & 15) << 4
    nibbles = (q[:, 0::2] | q[:, 1::2] << 4).reshape(-1, 128)
    blocks = np.concatenate([d.view(np.uint8), d_min.view(np.uint8), packed, nibbles], 1)
    return blocks.reshape(rows, columns // 256 * 144)


def quantize_q6_k(weights):
    """x ~ d * scale * q per 16 elements, q in -32..31, scale in -128..127. 210 bytes."""
    rows, columns = weights.shape
    x = weights.reshape(-1, 16, 16).astype(np.float32)
    step = np.abs(x).max(-1) / 31  # (blocks, 16)
    d = (step.max(-1, keepdims=True) / 127).astype(np.float16)
    unit = d.astype(np.float32)
    scales = np.clip(np.rint(np.divide(step, unit, out=np.zeros_like(step), where=unit > 0)), 0, 127).astype(np.int8)
    real_step = (unit * scales)[..., None]
    q = np.divide(x, real_step, out=np.zeros_like(x), where=real_step > 0)
    q = (np.clip(np.rint(q), -32, 31) + 32).astype(np.uint8).reshape(-1, 2, 4, 32)  # two halves of four runs
    low = np.concatenate([q[:, :, 0] & 15 | (q[:, :, 2] & 15) << 4, q[:, :, 1] & 15 | (q[:, :, 3] & 15) << 4], -1)
    high = q[:, :, 0] >> 4 | (q[:, :, 1] >> 4) << 2 | (q[:, :, 2] >> 4) << 4 | (q[:, :, 3] >> 4) << 6
    count = x.shape[0]
    blocks = np.concatenate(
        [low.reshape(count, 128), high.reshape(count, 64), scales.view(np.uint8), d.view(np.uint8)], 1
    )
    return blocks.reshape(rows, columns // 256 * 210)
