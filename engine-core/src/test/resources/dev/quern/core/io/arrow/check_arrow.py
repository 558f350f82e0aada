"""Checks with pyarrow what Quern wrote: python check_arrow.py FOLDER

ArrowWriterTest.main(FOLDER) writes all.arrow and all.arrows there.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "<i1", "U8": "<u1",
}


def counted(n, dtype):
    size = n * np.dtype(dtype).itemsize
    return (np.arange(size) % 64).astype(np.uint8).tobytes()


def same(array, n, dtype):
    assert np.ascontiguousarray(array).astype(dtype).tobytes() == counted(n, dtype)


def check(batch, n):
    batch.validate(full=True)
    assert batch.num_rows == n
    texts = [None if r % 3 == 1 else "Grüße " + "😀" * r for r in range(n)]
    assert batch["text"].to_pylist() == texts
    assert batch["text"].type == pa.string()
    tokens = [None if r % 4 == 2 else [-r] * r for r in range(n)]
    assert batch["tokens"].to_pylist() == tokens
    assert batch["tokens"].type == pa.list_(pa.int32())
    for name, dtype in TYPES.items():
        same(batch[name].to_numpy(zero_copy_only=True), n, dtype)
        cube = batch[name + "_cube"]
        assert isinstance(cube.type, pa.FixedShapeTensorType) and cube.type.shape == [2, 3]
        if n:
            assert cube.to_numpy_ndarray().shape == (n, 2, 3)
            same(cube.to_numpy_ndarray(), 6 * n, dtype)
    assert batch["odd"].to_pylist() == [r % 2 == 1 for r in range(n)]
    assert batch["odds"].storage.to_pylist() == [[False, True] * 3] * n
    assert batch["pairs"].type == pa.list_(pa.float32(), 2)
    same(batch["pairs"].flatten().to_numpy(), 2 * n, "<f4")
    turned = batch["turned"]
    assert turned.type.dim_names == ['h "1"', "w"] and turned.type.permutation == [1, 0]
    if n:
        stored = np.frombuffer(counted(6 * n, "<i2"), "<i2").reshape(n, 2, 3)
        assert (turned.to_numpy_ndarray() == stored.transpose(0, 2, 1)).all()


folder = Path(sys.argv[1])
for name, read in (("all.arrow", pa.ipc.open_file), ("all.arrows", pa.ipc.open_stream)):
    table = read(pa.memory_map(str(folder / name))).read_all()
    assert table.schema.metadata == {b"made by": b"Quern", "ä".encode(): b""}
    batches = table.to_batches()
    sizes = [b.num_rows for b in batches]
    assert [s for s in sizes if s] == [5, 9], sizes
    for b in batches:
        check(b, b.num_rows)
    print(name, "is as pyarrow expects it:", sizes)
