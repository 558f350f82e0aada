"""How the operation test vectors are written: cases, their operands, and one JSON file per family."""

import json
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
DTYPES = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
          "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
          "F8_E4M3": torch.float8_e4m3fn}
NAMES = {v: k for k, v in DTYPES.items()}
FLOATS = (torch.float32, torch.float64)
INF, NAN = math.inf, math.nan
family = []


def plain(x):
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    return x


def listed(t):
    return (t.float() if t.dtype == torch.float8_e4m3fn else t).flatten().tolist()


def tensor(t):
    return {"dtype": NAMES[t.dtype], "shape": list(t.shape), "values": [plain(v) for v in listed(t)]}


def case(op, inputs, output, **attributes):
    outputs = output if isinstance(output, (list, tuple)) else [output]
    family.append({"op": op, "attributes": {k: plain(v) for k, v in attributes.items()},
                   "inputs": [tensor(t) for t in inputs], "outputs": [tensor(t) for t in outputs]})


def write(name):
    text = ",\n".join(json.dumps(c) for c in family)
    (HERE / (name + ".json")).write_text("[\n" + text + "\n]\n")
    family.clear()


def rand(*shape, dtype=torch.float32):
    """Normal numbers on a grid, so that they are short to read and mostly exact in 16 bits."""
    return (torch.randn(*shape, dtype=torch.float64) * 32).round().div(32).to(dtype)


def edges(dtype):
    return torch.tensor([-3.5, -1.0, -0.25, -0.0, 0.0, 0.5, 1.0, 2.75, 12.0, -20.0, NAN], dtype=dtype)


def exactly(f, x):
    """f computed in F64 and rounded once."""
    return f(x.double()).to(x.dtype)
