"""Makes sampling.json and paged.json, the vectors of operations that decoding needs alone, as make_vectors.py makes the others.

Run: python make_decoding_vectors.py   (needs torch). Everything is seeded; running it again gives the same files.
"""

import torch

from make_vectors import attend
from vector_files import FLOATS, case, rand, write


def sampling():
    """Probabilities by softmax, cuts by a stable sort, as Transformers' logits processors do, and the draw by searchsorted."""
    chains = ((0.0, 0, 1.0, 0.0), (0.5, 0, 1.0, 0.0), (1.0, 3, 1.0, 0.0), (0.75, 0, 0.6, 0.0), (1.0, 0, 1.0, 0.3), (1.5, 6, 0.8, 0.2))
    for d in FLOATS:
        for temperature, k, p, least in chains:
            x, u = rand(4, 9, dtype=d) * 2, torch.rand(4, 1, dtype=torch.float64)
            s = x.double() / (temperature or 1)
            ranked = k > 0 or p < 1 or least > 0
            order = s.argsort(dim=-1, stable=True, descending=True) if ranked else torch.arange(9).repeat(4, 1)
            q = s.softmax(-1).gather(-1, order)
            if k > 0:
                q[:, k:] = 0
            q = torch.where(q.cumsum(-1) - q < p * q.sum(-1, keepdim=True), q, 0.0) if p < 1 else q
            q = torch.where(q >= least * q.amax(-1, keepdim=True), q, 0.0)
            at = torch.searchsorted(q.cumsum(-1), u * q.sum(-1, keepdim=True), right=True)
            y = order.gather(-1, at) if temperature else x.argmax(-1, keepdim=True)
            case("Sample", [x, u], y, temperature=temperature, topK=k, topP=p, minP=least)
    write("sampling")


def paged():
    """Keys, values and rows of a cache in pages of two rows; sequences have a page in common, one has it twice."""
    table = torch.tensor([[4, 1, 2], [4, 0, 4]], dtype=torch.int32)
    starts, lengths = torch.tensor([1, 3], dtype=torch.int32), torch.tensor([4, 5], dtype=torch.int32)
    for d in FLOATS:
        q, k, v = rand(2, 2, 4, 3, dtype=d), rand(5, 2, 2, 3, dtype=d), rand(5, 2, 2, 2, dtype=d)
        together = [x[table.long()].reshape(2, 6, 2, x.shape[3]) for x in (k, v)]
        for o in ({}, {"causal": True, "starts": starts, "lengths": lengths}, {"causal": True, "window": 2, "lengths": lengths}):
            extra = [o[n] for n in ("starts", "lengths") if n in o]
            case("Attention", [q, k, v, *extra, table], attend(q, *together, 0.5, **o), causal=o.get("causal", False), scale=0.5,
                 softCap=0.0, window=o.get("window", 0), hasMask=False, hasStarts="starts" in o, hasLengths="lengths" in o,
                 hasPages=True)
    for d in (torch.float32, torch.float16, torch.bfloat16):
        cache, rows = rand(5, 2, 1, 2).to(d), rand(2, 2, 1, 2)
        after = cache.clone()
        after[4, 1], after[1, 0], after[0, 1], after[3, 0] = (rows[b, t].to(d) for b in range(2) for t in range(2))
        own = torch.tensor([[4, 1, 2], [2, 0, 3]], dtype=torch.int32)
        case("CacheWrite", [cache, rows, starts, own], after, hasPages=True)
    write("paged")


if __name__ == "__main__":
    torch.manual_seed(1)
    sampling()
    paged()
