"""Makes the operation test vectors beside this file, one JSON file per family, with PyTorch as the oracle.

Run: python make_vectors.py   (needs torch). Everything is seeded; running it again gives the same files.
A case: op (the record's name), attributes (its components), inputs and outputs (dtype, shape, values, last axis
fastest). NaN and infinities are strings. For an operation that writes to buffers, outputs holds them afterwards.
"""

import math

import torch

from vector_files import DTYPES, FLOATS, INF, NAMES, NAN, case, edges, exactly, rand, write


def unary():
    functions = {
        "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Rsqrt": torch.rsqrt,
        "Reciprocal": torch.reciprocal, "Tanh": torch.tanh, "Erf": torch.erf, "Sigmoid": torch.sigmoid, "Sin": torch.sin,
        "Cos": torch.cos, "Relu": torch.relu, "Silu": torch.nn.functional.silu}
    for d in FLOATS:
        for op, f in functions.items():
            case(op, [edges(d)], exactly(f, edges(d)))
        for kind in ("none", "tanh"):
            f = lambda x: torch.nn.functional.gelu(x, approximate=kind)
            case("Gelu", [edges(d)], exactly(f, edges(d)), tanh=kind == "tanh")
        case("Clip", [edges(d)], edges(d).clamp(-1, 2), low=-1.0, high=2.0)
        case("Clip", [edges(d)], edges(d).clamp(max=0.75), low=-INF, high=0.75)
    for d in (torch.int64, torch.int32, torch.int16, torch.int8):
        x = torch.tensor([-5, 0, 7, torch.iinfo(d).min], dtype=d)
        case("Neg", [x], -x)
        case("Abs", [x], x.abs())
        case("Clip", [x], x.clamp(-1, 3), low=-1.0, high=3.0)
    b = torch.tensor([True, False])
    case("Not", [b], ~b)
    write("unary")


def binary():
    a, b = edges(torch.float64), torch.tensor([2.0, -1.0, 3.0, 0.0, -4.0, 0.5, 1.0, -0.5, 2.0, 3.0, 1.0], dtype=torch.float64)
    silu, gelu = torch.nn.functional.silu, torch.nn.functional.gelu
    functions = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow,
                 "Maximum": torch.maximum, "Minimum": torch.minimum, "SwiGlu": lambda g, u: silu(g) * u}
    for d in FLOATS:
        for op, f in functions.items():
            case(op, [a.to(d), b.to(d)], f(a.to(d).double(), b.to(d).double()).to(d))
            case(op, [a.to(d)[5:8].reshape(3, 1), b.to(d)[:2]],
                 f(a.to(d)[5:8].reshape(3, 1).double(), b.to(d)[:2].double()).to(d))
        for kind in ("none", "tanh"):
            y = gelu(a.to(d).double(), approximate=kind) * b.to(d).double()
            case("GeGlu", [a.to(d), b.to(d)], y.to(d), tanh=kind == "tanh")
    for d in (torch.int64, torch.int32, torch.int16, torch.int8):
        x = torch.tensor([7, -7, 100, -100, torch.iinfo(d).max], dtype=d)
        y = torch.tensor([2, 2, 3, -3, 2], dtype=d)
        case("Add", [x, y], x + y)
        case("Sub", [x, y], x - y)
        case("Mul", [x, y], x * y)
        case("Div", [x, y], torch.div(x, y, rounding_mode="trunc"))
        case("Maximum", [x, y], torch.maximum(x, y))
        case("Minimum", [x, y], torch.minimum(x, y))
        e = torch.tensor([0, 1, 2, 3, 1], dtype=d)
        case("Pow", [x, e], x ** e)
    u = torch.tensor([200, 5], dtype=torch.uint8)
    case("Add", [u, u], u + u)
    write("binary")


def compare():
    a = torch.tensor([1.0, 2.0, -0.0, NAN, INF, NAN])
    b = torch.tensor([1.0, 3.0, 0.0, 1.0, INF, NAN])
    ops = {"Equal": torch.eq, "NotEqual": torch.ne, "Less": torch.lt, "LessEqual": torch.le, "Greater": torch.gt,
           "GreaterEqual": torch.ge}
    for op, f in ops.items():
        for d in FLOATS:
            case(op, [a.to(d), b.to(d)], f(a.to(d), b.to(d)))
        i = torch.tensor([[1], [-2]], dtype=torch.int32)
        j = torch.tensor([1, -2, 5], dtype=torch.int32)
        case(op, [i, j], f(i, j))
        big = torch.tensor([2**53, 2**53 + 1], dtype=torch.int64)
        case(op, [big, big[:1]], f(big, big[:1]))
    p, q = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    case("And", [p, q], p & q)
    case("Or", [p, q], p | q)
    case("Xor", [p, q], p ^ q)
    write("compare")


def reduce():
    for d in FLOATS:
        x = rand(2, 3, 4, dtype=d)
        for axes, keep in (([2], False), ([0], True), ([-2], False), ([0, 2], False), ([0, 1, 2], True)):
            kw = {"dim": axes, "keepdim": keep}
            case("Sum", [x], x.double().sum(**kw).to(d), axes=axes, keepDims=keep)
            case("Mean", [x], x.double().mean(**kw).to(d), axes=axes, keepDims=keep)
            case("Max", [x], x.amax(**kw), axes=axes, keepDims=keep)
            case("Min", [x], x.amin(**kw), axes=axes, keepDims=keep)
            case("LogSumExp", [x], x.double().logsumexp(**kw).to(d), axes=axes, keepDims=keep)
            for c in (0, 1):
                v = x.double().var(correction=c, **kw).to(d)
                case("Var", [x], v, axes=axes, keepDims=keep, correction=c)
        for axis, keep in ((2, False), (0, True)):
            case("Prod", [x], x.double().prod(dim=axis, keepdim=keep).to(d), axes=[axis], keepDims=keep)
            case("ArgMax", [x], x.argmax(dim=axis, keepdim=keep), axis=axis, keepDims=keep)
        y = torch.tensor([[1.0, NAN, 2.0], [3.0, 3.0, -INF]], dtype=d)
        case("Max", [y], y.amax(1), axes=[1], keepDims=False)
        case("Min", [y], y.amin(1), axes=[1], keepDims=False)
        case("ArgMax", [y], torch.tensor([1, 0]), axis=1, keepDims=False)
        z = torch.tensor([[-INF, -INF], [INF, 0], [1000.0, 1000.0]], dtype=d)
        case("LogSumExp", [z], z.double().logsumexp(1).to(d), axes=[1], keepDims=False)
    i = torch.tensor([[100, 27], [-128, 5]], dtype=torch.int8)
    case("Sum", [i], torch.tensor([127, -123], dtype=torch.int8), axes=[1], keepDims=False)
    case("Prod", [i.to(torch.int32)], i.prod(1).to(torch.int32), axes=[1], keepDims=False)
    case("Max", [i], i.amax(0), axes=[0], keepDims=False)
    case("ArgMax", [i], i.argmax(0), axis=0, keepDims=False)
    write("reduce")


def matmul():
    for d in FLOATS:
        for a, b in (((2, 3), (3, 4)), ((1, 5), (5, 1)), ((2, 1, 2, 3), (3, 3, 2)), ((2, 2, 3), (2, 3, 1))):
            x, y = rand(*a, dtype=d), rand(*b, dtype=d)
            case("MatMul", [x, y], (x.double() @ y.double()).to(d))
        x, w, bias = rand(2, 3, 4, dtype=d), rand(5, 4, dtype=d), rand(5, dtype=d)
        case("Linear", [x, w], (x.double() @ w.double().T).to(d), bias=False)
        case("Linear", [x, w, bias], (x.double() @ w.double().T + bias.double()).to(d), bias=True)
        case("Linear", [x[0, 0], w], (x[0, 0].double() @ w.double().T).to(d), bias=False)
    for x in (torch.float32, torch.bfloat16, torch.float16):
        for w in (torch.float16, torch.bfloat16):
            if x == torch.float16 and w == torch.bfloat16:
                continue
            a, b = rand(2, 3, dtype=x), rand(4, 3, dtype=w)
            case("Linear", [a, b], (a.double() @ b.double().T).to(x), bias=False)
    a, b = (((torch.arange(n) * 29 % 61 - 30) / 8).reshape(-1, 5).to(torch.float8_e4m3fn) for n in (10, 15))
    bias = torch.tensor([0.5, -3.0, 100.25])
    case("MatMul", [a, b.T], (a.double() @ b.double().T).float())
    case("Linear", [a, b], (a.double() @ b.double().T).float(), bias=False)
    case("Linear", [a, b, bias], (a.double() @ b.double().T + bias.double()).float(), bias=True)
    for d in (torch.float32, torch.bfloat16):
        case("Linear", [a.to(d), b], (a.double() @ b.double().T).to(d), bias=False)
    write("matmul")


def shape():
    x = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    case("Reshape", [x], x.reshape(4, 6), to=[4, 6])
    case("Permute", [x], x.permute(2, 0, 1), axes=[2, 0, 1])
    case("Slice", [x], x[:, 1:3], axis=1, start=1, length=2, step=1)
    case("Slice", [x], x.flip(2)[:, :, ::2], axis=-1, start=3, length=2, step=-2)
    case("Expand", [x[:, :1]], x[:, :1].expand(5, 2, 3, 4), to=[5, 2, 3, 4])
    write("shape")


def data():
    x = torch.tensor([-1.5, -0.0, 0.5, 1.5, 2.5, 300.7, -300.7, 1e10, 65519.0, 65520.0, 1e-8, 3.1415927], dtype=torch.float64)
    for d in (torch.float32, torch.float16, torch.bfloat16):
        case("Cast", [x], x.to(d), to=NAMES[d])
        case("Cast", [x.to(d)], x.to(d).to(torch.float64), to="F64")
    case("Cast", [torch.tensor([1.9, -1.9, 1e30, -1e30, NAN, 7.0])],
         torch.tensor([1, -1, 2**31 - 1, -2**31, 0, 7], dtype=torch.int32), to="I32")
    case("Cast", [torch.tensor([1.9, -1.9, 255.9, 256.0, INF], dtype=torch.float64)],
         torch.tensor([1, 0, 255, 255, 255], dtype=torch.uint8), to="U8")
    case("Cast", [torch.tensor([0.0, -0.0, NAN, 0.1])], torch.tensor([False, False, True, True]), to="BOOL")
    i = torch.tensor([300, -300, 2**40 + 5, -1], dtype=torch.int64)
    for d in (torch.int32, torch.int16, torch.int8, torch.uint8, torch.float32, torch.bool):
        case("Cast", [i], i.to(d), to=NAMES[d])
    for d in (torch.float32, torch.float64, torch.int64, torch.bool):
        y = (rand(2, 3) * 5).to(d)
        case("Contiguous", [y], y)
        case("Concat", [y, y[:, :1]], torch.cat([y, y[:, :1]], 1), axis=1)
        case("Concat", [y, y[:1], y], torch.cat([y, y[:1], y], 0), axis=-2)
        case("IndexSelect", [y, torch.tensor([[2, 0], [-1, 1]])], y[:, torch.tensor([[2, 0], [-1, 1]])], axis=1)
        g = torch.tensor([[2, 0, 0, 1], [1, 1, 2, 0]])
        case("Gather", [y, g], y.gather(1, g), axis=1)
        case("Gather", [y, torch.tensor([[-1, 0]], dtype=torch.int32)], y.gather(0, torch.tensor([[1, 0]])), axis=0)
        c = torch.tensor([[True], [False]])
        case("Where", [c, y, y[:1]], torch.where(c, y, y[:1]))
        case("Embedding", [y, torch.tensor([1, 1, 0])], y[[1, 1, 0]], to=NAMES[d])
    h = rand(3, 2, dtype=torch.float16)
    case("Embedding", [h, torch.tensor([[2, 0]], dtype=torch.int32)], h[torch.tensor([[2, 0]])].float(), to="F32")
    x = torch.tensor([-1.5, -0.0, 0.5, 17.0, 19.0, -300.7, 448.0, 449.0, 465.0, 1e4, 2**-10, 3 * 2**-10, 15 * 2**-10, 1e-8, INF, -INF, NAN])
    codes = torch.tensor([[0x00, 0x01, 0x07, 0x08, 0x38], [0x7e, 0x7f, 0x80, 0x9a, 0xfe]], dtype=torch.uint8).view(torch.float8_e4m3fn)
    for d in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        case("Cast", [x.to(d)], x.to(d).to(torch.float8_e4m3fn), to="F8_E4M3")
        case("Cast", [codes], codes.to(d), to=NAMES[d])
    ids = torch.tensor([1, 1, 0])
    case("Contiguous", [codes], codes)
    case("Embedding", [codes, ids], codes.float()[ids], to="F32")
    case("IndexSelect", [codes, ids], codes.float()[ids].to(codes.dtype), axis=0)
    write("data")


def philox(seed, block):
    c = [block & 0xFFFFFFFF, block >> 32, 0, 0]
    k = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def create():
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    for name, d in DTYPES.items():
        case("Full", [], torch.full((2, 3), 3 if d != torch.bool else True, dtype=d), dtype=name, shape=[2, 3], value=3.0)
        if d not in (torch.bool, torch.float8_e4m3fn):
            case("Arange", [], torch.arange(5, 17, 3, dtype=torch.int64).to(d), dtype=name, start=5.0, step=3.0, length=4)
    case("Arange", [], torch.tensor([1.0, 0.75, 0.5]), dtype="F32", start=1.0, step=-0.25, length=3)
    for d in FLOATS:
        for seed, offset, n in ((42, 0, 10), (-7, 2**33 + 1, 6)):
            words = [w for b in range((n + 3) // 4) for w in philox(seed & (2**64 - 1), offset + b)]
            s = torch.tensor([seed, offset])
            u = [(w >> 8) * 2.0**-24 for w in words[:n]]
            case("RandomUniform", [s], torch.tensor(u, dtype=d), dtype=NAMES[d], shape=[n])
            z = []
            for j in range(0, len(words), 2):
                r, t = math.sqrt(-2 * math.log((words[j] + 1) * 2.0**-32)), 2 * math.pi * words[j + 1] * 2.0**-32
                z += [r * math.cos(t), r * math.sin(t)]
            case("RandomNormal", [s], torch.tensor(z[:n], dtype=torch.float64).to(d), dtype=NAMES[d], shape=[n])
    write("create")


def norm():
    f = torch.nn.functional
    for d in FLOATS:
        x, w, b = rand(2, 3, 4, dtype=d), rand(4, dtype=d), rand(4, dtype=d)
        for axis in (-1, 0, 1):
            case("Softmax", [x], x.double().softmax(axis).to(d), axis=axis)
            case("LogSoftmax", [x], x.double().log_softmax(axis).to(d), axis=axis)
        hard = torch.tensor([[1000.0, 1000.0, -1000.0], [-INF, 0.0, 1.0]], dtype=d)
        case("Softmax", [hard], hard.double().softmax(1).to(d), axis=1)
        eps = 2.0**-10
        case("RmsNorm", [x, w], f.rms_norm(x.double(), (4,), w.double(), eps).to(d), eps=eps)
        case("LayerNorm", [x, w, b], f.layer_norm(x.double(), (4,), w.double(), b.double(), eps).to(d), eps=eps)
    write("norm")


def scores(q, k, scale, causal=False, cap=0.0, window=0, mask=None, starts=None, lengths=None):
    """The scores of attention, -inf where a key is hidden; heads are the second axis."""
    q, k = (t.double().transpose(1, 2) for t in (q, k))
    k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)
    s = q @ k.transpose(2, 3) * scale
    if cap:
        s = cap * torch.tanh(s / cap)
    if mask is not None:
        s = s.masked_fill(~mask, -INF) if mask.dtype == torch.bool else s + mask.double()
    b, _, tq, tk = s.shape
    for n in range(b):
        length = tk if lengths is None else int(lengths[n])
        start = length - tq if starts is None else int(starts[n])
        for i in range(tq):
            for j in range(tk):
                p = start + i
                if j >= length or (causal and j > p) or (window and j <= p - window):
                    s[n, :, i, j] = -INF
    return s


def attend(q, k, v, scale, **options):
    """Attention with everything materialised; heads are the last axis but one."""
    values = v.double().transpose(1, 2).repeat_interleave(q.shape[2] // k.shape[2], 1)
    p = torch.nan_to_num(scores(q, k, scale, **options).softmax(-1), nan=0.0)
    return (p @ values).transpose(1, 2).to(q.dtype)


def attention():
    for d in FLOATS:
        q, k, v = rand(2, 2, 4, 3, dtype=d), rand(2, 5, 2, 3, dtype=d), rand(2, 5, 2, 2, dtype=d)
        starts, lengths = torch.tensor([1, 0], dtype=torch.int32), torch.tensor([4, 1], dtype=torch.int32)
        boolean = torch.tensor([[True, False, True, True, False], [False] * 5])
        added = rand(4, 2, 5, dtype=d)
        options = [{}, {"causal": True}, {"causal": True, "window": 2}, {"cap": 1.5}, {"mask": boolean}, {"mask": added},
                   {"causal": True, "starts": starts, "lengths": lengths}, {"causal": True, "lengths": lengths, "mask": added},
                   {"window": 3, "starts": starts}]
        for o in options:
            y = attend(q, k, v, 0.5, **o)
            extra = [o[n] for n in ("mask", "starts", "lengths") if n in o]
            case("Attention", [q, k, v, *extra], y, causal=o.get("causal", False), scale=0.5, softCap=o.get("cap", 0.0),
                 window=o.get("window", 0), hasMask="mask" in o, hasStarts="starts" in o, hasLengths="lengths" in o,
                 hasPages=False)
        h = k.half()
        if d == torch.float32:
            case("Attention", [q, h, h], attend(q, h, h, 0.5), causal=False, scale=0.5, softCap=0.0, window=0, hasMask=False,
                 hasStarts=False, hasLengths=False, hasPages=False)
        x, f, at = rand(2, 3, 2, 6, dtype=d), torch.tensor([1.0, 0.25], dtype=d), torch.tensor([[0, 1, 2], [7, 100, 3]])
        angle = at[..., None, None].double() * f.double()
        cos, sin = angle.cos(), angle.sin()
        for inter in (False, True):
            y = x.double().clone()
            a, b = (slice(0, 4, 2), slice(1, 4, 2)) if inter else (slice(0, 2), slice(2, 4))
            y[..., a] = x.double()[..., a] * cos - x.double()[..., b] * sin
            y[..., b] = x.double()[..., a] * sin + x.double()[..., b] * cos
            case("Rope", [x, at, f], y.to(d), interleaved=inter)
            case("Rope", [x, at.int(), f], y.to(d), interleaved=inter)
    write("attention")


def loss():
    for d in FLOATS:
        x, t, w = rand(2, 3, 4, dtype=d), torch.tensor([[0, 3, 1], [-100, 2, 3]]), torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=d)
        for r in ("none", "sum", "mean"):
            for smoothing in (0.0, 0.25):
                for weight in (None, w):
                    y = torch.nn.functional.cross_entropy(
                        x.double().reshape(6, 4), t.reshape(6), None if weight is None else weight.double(),
                        ignore_index=-100, reduction=r, label_smoothing=smoothing)
                    y = y.reshape(2, 3) if r == "none" else y
                    case("CrossEntropy", [x, t] + ([] if weight is None else [weight]), y.to(d), ignoreIndex=-100,
                         labelSmoothing=smoothing, reduction=r.upper(), weighted=weight is not None)
    write("loss")


def buffer():
    for d in (torch.float32, torch.float64, torch.int32):
        target, value = torch.zeros(2, 3, dtype=d), (rand(3) * 9).to(d)
        case("Assign", [target, value], value.expand(2, 3))
    for d in (torch.float32, torch.float16, torch.bfloat16):
        cache, rows, starts = rand(2, 4, 1, 2).to(d), rand(2, 2, 1, 2), torch.tensor([2, 0], dtype=torch.int32)
        after = cache.clone()
        after[0, 2:4], after[1, 0:2] = rows[0].to(d), rows[1].to(d)
        case("CacheWrite", [cache, rows, starts], after, hasPages=False)
    write("buffer")


def grads(f, g, *inputs):
    """Gradients of sum(f(inputs) * g), computed in F64 and rounded to the inputs' dtype."""
    x = [t.double().clone().requires_grad_() if t.is_floating_point() else t for t in inputs]
    (f(*x) * g.double()).sum().backward()
    return [t.grad.to(i.dtype) for t, i in zip(x, inputs) if t.is_floating_point()]


def gradient():
    f = torch.nn.functional
    for d in FLOATS:
        x, up, g = edges(d)[:-1].reshape(2, 5), rand(5, dtype=d), rand(2, 5, dtype=d)
        case("SiluGrad", [g, x], grads(f.silu, g, x))
        wide = up.expand(2, 5).contiguous()
        case("SwiGluGrad", [g, x, up], grads(lambda a, b: f.silu(a) * b, g, x, wide))
        for kind in ("none", "tanh"):
            case("GeluGrad", [g, x], grads(lambda a: f.gelu(a, approximate=kind), g, x), tanh=kind == "tanh")
            case("GeGluGrad", [g, x, up], grads(lambda a, b: f.gelu(a, approximate=kind) * b, g, x, wide), tanh=kind == "tanh")
        x, w, b, g = rand(2, 3, 4, dtype=d), rand(4, dtype=d), rand(4, dtype=d), rand(2, 3, 4, dtype=d)
        eps = 2.0**-10
        r = (x.double().square().mean(-1, keepdim=True) + eps).rsqrt()
        dx, dw = grads(lambda x, w: f.rms_norm(x, (4,), w, eps), g, x, w)
        # the statistics are inputs, and what is computed from them is held to one unit: so they are given in F64's precision
        if d == torch.float64:
            case("RmsNormGrad", [g, x, w, r], [dx, dw], eps=eps, affine=True)
            case("RmsNormGrad", [g, x, w, r], [dx], eps=eps, affine=False)
            mean = x.mean(-1, keepdim=True)
            r = (x.var(-1, correction=0, keepdim=True) + eps).rsqrt()
            dx, dw, db = grads(lambda x, w, b: f.layer_norm(x, (4,), w, b, eps), g, x, w, b)
            case("LayerNormGrad", [g, x, w, mean, r], [dx, dw, db], eps=eps, affine=True)
            case("LayerNormGrad", [g, x, w, mean, r], [dx], eps=eps, affine=False)
            attention_gradient(d)
            loss_gradient(d)
    write("gradient")


def attention_gradient(d):
    q, k, v = rand(2, 2, 4, 3, dtype=d), rand(2, 5, 2, 3, dtype=d), rand(2, 5, 2, 2, dtype=d)
    g, boolean = rand(2, 2, 4, 2, dtype=d), torch.tensor([[True, False, True, True, False], [False] * 5])
    lengths = torch.tensor([4, 3], dtype=torch.int32)
    for o in ({}, {"causal": True, "window": 2}, {"mask": boolean[:1]}, {"causal": True, "lengths": lengths}):
        y = attend(q, k, v, 0.5, **o)
        lse = scores(q, k, 0.5, **o).logsumexp(-1)
        extra = [o[n] for n in ("mask", "lengths") if n in o]
        case("AttentionGrad", [q, k, v, *extra, g, y, lse], grads(lambda q, k, v: attend(q, k, v, 0.5, **o), g, q, k, v),
             attention=dict(causal=o.get("causal", False), scale=0.5, softCap=0.0, window=o.get("window", 0),
                            hasMask="mask" in o, hasStarts=False, hasLengths="lengths" in o, hasPages=False))


def loss_gradient(d):
    x, t, w = rand(2, 3, 4, dtype=d), torch.tensor([[0, 3, 1], [-100, 2, 3]]), torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=d)
    lse = x.logsumexp(-1)
    for r in ("none", "sum", "mean"):
        for smoothing in (0.0, 0.25):
            for weight in (None, w):
                f = lambda x: torch.nn.functional.cross_entropy(
                    x.reshape(6, 4), t.reshape(6), weight, ignore_index=-100, reduction=r, label_smoothing=smoothing)
                g = rand(6, dtype=d) if r == "none" else rand(1, dtype=d)[0]
                dx, = grads(f, g, x)
                case("CrossEntropyGrad", [x, t] + ([] if weight is None else [weight])
                     + [g.reshape(2, 3) if r == "none" else g, lse], dx, ignoreIndex=-100, labelSmoothing=smoothing,
                     reduction=r.upper(), weighted=weight is not None)


def scatter():
    for d in (*FLOATS, torch.int32, torch.int64, torch.int8):
        whole = lambda *shape: (rand(*shape).mul(8).round() if d in FLOATS else torch.randint(-9, 9, shape)).to(d)
        x, at = whole(3, 4), torch.tensor([[1, 0, 2], [-2, 2, 2]])
        for axis in (0, 1):
            n = x.shape[axis]
            source = whole(2, 3, 4) if axis == 0 else whole(3, 2, 3)
            flat = source.reshape((6, 4) if axis == 0 else (3, 6))
            case("IndexAdd", [x, at, source], x.index_add(axis, (at % n).reshape(6), flat), axis=axis)
            values = whole(2, 3)
            case("ScatterAdd", [x, at.int(), values], x.scatter_add(axis, at % n, values), axis=axis)
    write("scatter")


def dropout():
    for d in FLOATS:
        for seed, offset, n in ((42, 0, 10), (-7, 2**33 + 1, 6)):
            words = [w for b in range((n + 3) // 4) for w in philox(seed & (2**64 - 1), offset + b)]
            kept = torch.tensor([(w >> 8) * 2.0**-24 >= 0.25 for w in words[:n]])
            x = rand(n, dtype=d)
            case("Dropout", [x, torch.tensor([seed, offset])], torch.where(kept, x.double() / 0.75, 0.0).to(d), p=0.25)
    write("dropout")


def scan():
    for d in (*FLOATS, torch.int32, torch.int8):
        x = (rand(2, 5) * 4).round().to(d)
        for axis in (0, 1):
            case("CumSum", [x], x.cumsum(axis).to(d), axis=axis, reverse=False)
            case("CumSum", [x], x.flip(axis).cumsum(axis).flip(axis).to(d), axis=axis, reverse=True)
            case("ArgSort", [x], x.argsort(dim=axis, stable=True), axis=axis, descending=False)
            case("ArgSort", [x], x.argsort(dim=axis, stable=True, descending=True), axis=axis, descending=True)
    x = torch.tensor([NAN, 1.0, -0.0, 0.0, -INF, INF, NAN])
    case("ArgSort", [x], x.argsort(stable=True), axis=0, descending=False)
    case("ArgSort", [x], x.argsort(stable=True, descending=True), axis=0, descending=True)
    write("scan")


def space():
    f = torch.nn.functional
    for d in FLOATS:
        x, w, b = rand(2, 4, 7, dtype=d), rand(6, 2, 3, dtype=d), rand(6, dtype=d)
        y = f.conv1d(x.double(), w.double(), b.double(), 2, 1, 2, 2)
        case("Conv", [x, w, b], y.to(d), stride=[2], padding=[1], dilation=[2], groups=2, bias=True)
        x, w = rand(1, 2, 4, 5, dtype=d), rand(3, 2, 2, 3, dtype=d)
        y = f.conv2d(x.double(), w.double(), None, (1, 2), (1, 0))
        case("Conv", [x, w], y.to(d), stride=[1, 2], padding=[1, 0], dilation=[1, 1], groups=1, bias=False)
        x, w, b = rand(2, 4, 3, dtype=d), rand(4, 2, 3, dtype=d), rand(4, dtype=d)
        y = f.conv_transpose1d(x.double(), w.double(), b.double(), 2, 1, 1, 2, 2)
        case("ConvTranspose", [x, w, b], y.to(d), stride=[2], padding=[1], outputPadding=[1], dilation=[2], groups=2, bias=True)
        x, w = rand(1, 2, 3, 2, dtype=d), rand(2, 3, 2, 3, dtype=d)
        y = f.conv_transpose2d(x.double(), w.double(), None, (1, 2), (1, 0))
        case("ConvTranspose", [x, w], y.to(d), stride=[1, 2], padding=[1, 0], outputPadding=[0, 0], dilation=[1, 1], groups=1,
             bias=False)
        x = rand(1, 2, 6, 7, dtype=d)
        for ceil in (False, True):
            y = f.max_pool2d(x, (2, 3), (2, 2), (1, 1), (2, 1), ceil)
            case("MaxPool", [x], y, size=[2, 3], stride=[2, 2], padding=[1, 1], dilation=[2, 1], ceil=ceil)
            for count in (False, True):
                y = f.avg_pool2d(x.double(), (2, 3), (2, 2), (1, 1), ceil, count)
                case("AvgPool", [x], y.to(d), size=[2, 3], stride=[2, 2], padding=[1, 1], ceil=ceil, countPadding=count)
        for x in (rand(3, 4, dtype=d), rand(2, 4, 3, dtype=d)):
            w, b, eps = rand(4, dtype=d), rand(4, dtype=d), 2.0**-10
            y = f.batch_norm(x.double(), None, None, w.double(), b.double(), True, 0.1, eps)
            axes = [0, *range(2, x.dim())]
            case("BatchNorm", [x, w, b], [y.to(d), x.double().mean(axes).to(d), x.double().var(axes, correction=0).to(d)], eps=eps)
            case("GroupNorm", [x, w, b], f.group_norm(x.double(), 2, w.double(), b.double(), eps).to(d), groups=2, eps=eps)
        x = rand(2, 7, dtype=d)
        case("Windows", [x], x.unfold(1, 3, 2), axis=1, size=3, step=2, dilation=1)
        case("Windows", [x], x[:, [[0, 3], [1, 4], [2, 5], [3, 6]]], axis=-1, size=2, step=1, dilation=3)
        x = rand(2, 3, 2, dtype=d)
        y = torch.zeros(2, 8, dtype=torch.float64)
        for i in range(3):
            for j in range(2):
                y[:, 2 * i + 3 * j] += x[:, i, j]
        case("Fold", [x], y.to(d), axis=1, extent=8, step=2, dilation=3)
    write("space")


def optimizer():
    """A step of torch.optim.AdamW in F64; scalars in F64 too, because what is computed from them is held to one unit."""
    rate, betas, eps, step, scale, d = 0.125, (0.75, 0.9375), 2.0**-10, 3, 0.5, torch.float64
    for decay in (0.0, 0.25):
        p, g, m, v = rand(2, 3, dtype=d), rand(2, 3, dtype=d), rand(2, 3, dtype=d), rand(2, 3, dtype=d).square()
        x = p.clone().requires_grad_()
        x.grad = g * scale
        o = torch.optim.AdamW([x], rate, betas, eps, decay)
        o.state[x] = {"step": torch.tensor(step - 1.0), "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
        o.step()
        scalars = torch.tensor([rate, rate * decay, 1 / (1 - betas[0]**step), (1 - betas[1]**step) ** -0.5], dtype=d)
        case("AdamW", [p, g, m, v, scalars, torch.tensor(scale, dtype=d)],
             [x.detach(), o.state[x]["exp_avg"], o.state[x]["exp_avg_sq"]], beta1=betas[0], beta2=betas[1], eps=eps)
    write("optimizer")


if __name__ == "__main__":
    torch.manual_seed(1)
    for make in (unary, binary, compare, reduce, matmul, shape, data, create, norm, attention, loss, buffer,
                 gradient, scatter, dropout, scan, space, optimizer):
        make()
