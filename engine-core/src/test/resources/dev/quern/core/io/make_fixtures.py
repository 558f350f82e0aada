"""Makes the fixtures beside this file with the formats' own Python libraries.

    pip install gguf safetensors numpy
    python make_fixtures.py

Quern's tests read them; nothing of them is made by Quern.
"""

import zipfile
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

here = Path(__file__).parent


def make_gguf():
    w = gguf.GGUFWriter(here / "gguf" / "oracle.gguf", "test")
    w.add_custom_alignment(64)
    w.add_key_value("test.u8", 255, gguf.GGUFValueType.UINT8)
    w.add_key_value("test.i8", -128, gguf.GGUFValueType.INT8)
    w.add_key_value("test.u16", 65535, gguf.GGUFValueType.UINT16)
    w.add_key_value("test.i16", -32768, gguf.GGUFValueType.INT16)
    w.add_key_value("test.u32", 4294967295, gguf.GGUFValueType.UINT32)
    w.add_key_value("test.i32", -2147483648, gguf.GGUFValueType.INT32)
    w.add_key_value("test.u64", 2**63, gguf.GGUFValueType.UINT64)
    w.add_key_value("test.i64", -(2**63), gguf.GGUFValueType.INT64)
    w.add_key_value("test.f32", 0.1, gguf.GGUFValueType.FLOAT32)
    w.add_key_value("test.f64", 0.1, gguf.GGUFValueType.FLOAT64)
    w.add_key_value("test.bool", True, gguf.GGUFValueType.BOOL)
    w.add_string("test.string", "Grüße, 世界 😀")
    w.add_array("test.ints", [1, -2, 3])
    w.add_array("test.floats", [0.5, -1.5])
    w.add_array("test.strings", ["a", "", "ü"])
    w.add_array("test.nested", [[1, 2], [3]])
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 64)).astype(np.float32)
    w.add_tensor("f32", x)
    w.add_tensor("f16", x.astype(np.float16))
    w.add_tensor("i32", np.arange(6, dtype=np.int32).reshape(1, 2, 3))
    for t in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        w.add_tensor(t.name.lower(), gguf.quants.quantize(x, t), raw_dtype=t)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def make_safetensors():
    save_file(
        {
            "bool": np.array([True, False, True]),
            "u8": np.arange(5, dtype=np.uint8),
            "i8": np.arange(-2, 3, dtype=np.int8),
            "i16": np.arange(4, dtype=np.int16),
            "f16": np.arange(6, dtype=np.float16).reshape(2, 3),
            "i32": np.arange(4, dtype=np.int32),
            "f32": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
            "f64": np.array(0.1, dtype=np.float64),
            "i64": np.arange(3, dtype=np.int64),
            "empty": np.zeros((2, 0, 3), dtype=np.float32),
            "ünï \"q\"": np.arange(2, dtype=np.float32),
        },
        here / "safetensors" / "oracle.safetensors",
        {"format": "np"},
    )


def make_npy():
    np.save(here / "npy" / "fortran.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
    np.save(here / "npy" / "big.npy", np.arange(6, dtype=">i4").reshape(3, 2))
    members = {
        "stored": (np.arange(6, dtype=np.float32).reshape(2, 3), zipfile.ZIP_STORED),
        "fortran": (
            np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
            zipfile.ZIP_STORED,
        ),
        "deflated": (np.arange(1000, dtype=np.int64), zipfile.ZIP_DEFLATED),
    }
    with zipfile.ZipFile(here / "npy" / "arrays.npz", "w") as z:
        for name, (array, method) in members.items():
            info = zipfile.ZipInfo(name + ".npy")
            info.compress_type = method
            with z.open(info, "w") as f:
                np.lib.format.write_array(f, array)


make_gguf()
make_safetensors()
make_npy()
