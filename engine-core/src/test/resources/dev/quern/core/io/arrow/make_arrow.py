"""Makes the Arrow files beside this file with pyarrow.

    pip install pyarrow numpy
    python make_arrow.py

Quern's tests read them; nothing of them is made by Quern. Every value follows from its row, so that
the tests can say what must be there.
"""

import decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

here = Path(__file__).parent


def unless_null(r, value):
    """Rows 1, 5, 9... are null."""
    return None if r % 4 == 1 else value


def row(r):
    return {
        "i8": unless_null(r, r - 3),
        "u8": 250 + r if r < 6 else r,
        "i16": r * -300,
        "u16": 65535 - r,
        "i32": r * 100_000_007 - 2**31,
        "u32": 2**32 - 1 - r,
        "i64": unless_null(r, r - 2**63),
        "u64": 2**64 - 1 - r,
        "f16": np.float16(r / 4),
        "f32": r / 8 - 1,
        "f64": unless_null(r, r / 10),
        "bool": unless_null(r, r % 3 == 0),
        "text": unless_null(r, "Zeile %d: Grüße, 世界 😀" % r if r % 2 else ""),
        "large_text": "large %d" % r,
        "view": unless_null(r, "x" * (6 * r)),
        "bytes": bytes(range(r)),
        "fixed": bytes([r, r, 255]),
        "tokens": unless_null(r, list(range(r))),
        "longs": [r, -r],
        "nested": [[r], [], [r, r + 1]],
        "triple": [r, r + 0.5, -r],
        "struct": {"a": r, "b": unless_null(r, "b%d" % r)},
        "label": unless_null(r, ["cat", "dog", "emu"][r % 3]),
        "labels": [["x", "y"][r % 2]] * (r % 3),
        "date": r,
        "time": r * 1_000_000,
        "decimal": decimal.Decimal(r),
        "nothing": None,
        "map": [("k%d" % r, r)],
        "any": r,
    }


TYPES = {
    "i8": pa.int8(),
    "u8": pa.uint8(),
    "i16": pa.int16(),
    "u16": pa.uint16(),
    "i32": pa.int32(),
    "u32": pa.uint32(),
    "i64": pa.int64(),
    "u64": pa.uint64(),
    "f16": pa.float16(),
    "f32": pa.float32(),
    "f64": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "large_text": pa.large_string(),
    "view": pa.string_view(),
    "bytes": pa.binary(),
    "fixed": pa.binary(3),
    "tokens": pa.list_(pa.int32()),
    "longs": pa.large_list(pa.int64()),
    "nested": pa.list_(pa.list_(pa.int16())),
    "triple": pa.list_(pa.float32(), 3),
    "struct": pa.struct({"a": pa.int32(), "b": pa.string()}),
    "label": pa.dictionary(pa.int8(), pa.string()),
    "labels": pa.list_(pa.dictionary(pa.int32(), pa.string())),
    "date": pa.date32(),
    "time": pa.timestamp("us", "UTC"),
    "decimal": pa.decimal128(10),
    "nothing": pa.null(),
    "map": pa.map_(pa.string(), pa.int64()),
    "any": pa.dense_union([pa.field("n", pa.int32())]),
}


def column(name, values):
    t = TYPES[name]
    if name == "label":
        fixed = pa.array(["cat", "dog", "emu"])
        codes = [None if v is None else ["cat", "dog", "emu"].index(v) for v in values]
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), fixed)
    if name == "labels":
        flat = [["x", "y"].index(v) for vs in values for v in vs]
        codes = pa.DictionaryArray.from_arrays(pa.array(flat, pa.int32()), pa.array(["x", "y"]))
        offsets = np.cumsum([0] + [len(v) for v in values]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), codes)
    if name == "any":
        return pa.UnionArray.from_dense(
            pa.array([0] * len(values), pa.int8()),
            pa.array(range(len(values)), pa.int32()),
            [pa.array(values, pa.int32())],
            ["n"],
        )
    return pa.array(values, t)


def batch(rows):
    data = [row(r) for r in rows]
    return pa.record_batch({n: column(n, [d[n] for d in data]) for n in TYPES})


def write(name, new, schema, batches, **options):
    with pa.OSFile(str(here / name), "wb") as f, new(f, schema, **options) as w:
        for b in batches:
            w.write_batch(b)


def make_types():
    # The last one is a slice, so that nothing of it begins at the beginning.
    batches = [batch(range(5)), batch([]), batch(range(2, 12)).slice(3, 7)]
    schema = batches[0].schema.with_metadata({"made by": "pyarrow"})
    batches = [pa.record_batch(b.columns, schema=schema) for b in batches]
    write("types.arrow", pa.ipc.new_file, schema, batches)
    write("types.arrows", pa.ipc.new_stream, schema, batches)


def make_dictionaries():
    """A stream whose dictionary grows twice and is then replaced."""
    batches = []
    for words, codes in (
        (["a", "b"], [0, 1, None]),
        (["a", "b", "c"], [2, 0]),
        (["a", "b", "c", None, "d"], [4, 3, 1]),
        (["z"], [0, 0]),
    ):
        column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int16()), pa.array(words))
        batches.append(pa.record_batch({"word": column}))
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    write("deltas.arrows", pa.ipc.new_stream, batches[0].schema, batches, options=options)
    write("deltas.arrow", pa.ipc.new_file, batches[0].schema, batches[:3], options=options)


def make_tensors():
    plain = pa.FixedShapeTensorArray.from_numpy_ndarray(
        np.arange(48, dtype=np.float32).reshape(4, 3, 4)
    )
    named = pa.fixed_shape_tensor(
        pa.int64(), [2, 3], dim_names=["höhe", "w\"b"], permutation=[1, 0]
    )
    storage = pa.array([[6 * r + i for i in range(6)] for r in range(4)], named.storage_type)
    b = pa.record_batch(
        {"plain": plain, "named": pa.ExtensionArray.from_storage(named, storage)}
    )
    write("tensors.arrow", pa.ipc.new_file, b.schema, [b, b.slice(1, 2)])


def make_refused():
    b = pa.record_batch({"x": pa.array(range(100), pa.int32())})
    for codec in ("lz4", "zstd"):
        options = pa.ipc.IpcWriteOptions(compression=codec)
        write(codec + ".arrow", pa.ipc.new_file, b.schema, [b], options=options)
    pa.ipc.write_tensor(pa.Tensor.from_numpy(np.arange(4)), pa.OSFile(str(here / "bare.arrows"), "wb"))
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True, metadata_version=pa.ipc.MetadataVersion.V4)
    write("legacy.arrows", pa.ipc.new_stream, b.schema, [b], options=options)


make_types()
make_dictionaries()
make_tensors()
make_refused()
