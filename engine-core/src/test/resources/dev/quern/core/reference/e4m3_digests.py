"""Prints the digests in E4M3Test: SHA-256 of what PyTorch's conversions from and to float8_e4m3fn give.

Run: python e4m3_digests.py   (needs torch 2.13 or newer, whose conversions saturate). All NaNs count as one: 0x7fc00000 as F32,
0x7f in 8 bits.
"""

import hashlib

import torch


def digest(name, tensor):
    print(name, hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest())


def encoded(x):
    codes = x.to(torch.float8_e4m3fn).view(torch.uint8)
    return torch.where(x.isnan(), 0x7F, codes).to(torch.uint8)


codes = torch.arange(256).to(torch.uint8).view(torch.float8_e4m3fn)
values = codes.float()
digest("decoded", torch.where(values.isnan(), torch.nan, values))
bits = torch.arange(1 << 16).to(torch.uint16)
digest("F16", encoded(bits.view(torch.float16)))
digest("BF16", encoded(bits.view(torch.bfloat16)))
digest("F32", encoded((torch.arange(1 << 20) * 4099 % (1 << 32)).to(torch.uint32).view(torch.float32)))
