"""What quern-gpu-bench measures, in PyTorch: the same cases and shapes, by CUDA events, as lines of the same JSON.

    python benchmarks/gpu_torch.py --json torch.jsonl                   # every section
    python benchmarks/gpu_torch.py --json torch.jsonl matmul attention
    python benchmarks/gpu_torch.py --small --device cpu                 # shows that it runs

A time is the median of some runs. Before each, 256 MB are overwritten, more than the caches hold; small operands come in
several sets, one after another in one CUDA graph. Where PyTorch has several ways, each is a variant, and `quern-gpu-bench
join` takes the fastest. A section stops beginning new cases after --limit seconds; what this machine lacks is skipped with
the reason.
"""

import argparse
import contextlib
import datetime
import gc
import json
import math
import os
import statistics
import tempfile
import time

import torch
import torch.nn.functional as F

from gpu_torch_models import decode, train

TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I8": torch.int8,
         "FP8": torch.float8_e4m3fn}
CACHES_BYTES = 256 << 20
MOST_SETS = 64


class Operands:
    """Tensors of one set, and their bytes."""

    def __init__(self, lab):
        self.lab = lab
        self.bytes = 0

    def add(self, tensor):
        self.bytes += tensor.numel() * tensor.element_size()
        return tensor

    def normal(self, dtype, *dims):
        t = TYPES[dtype]
        wide = t if t in (torch.float32, torch.bfloat16, torch.float16) else torch.float32
        return self.add(torch.randn(*dims, dtype=wide, device=self.lab.device).to(t))

    def zeros(self, dtype, *dims):
        return self.add(torch.zeros(*dims, dtype=dtype, device=self.lab.device))

    def ids(self, below, *dims):
        return self.add(torch.randint(below, dims, device=self.lab.device))


class Lab:
    def __init__(self, arguments, lines):
        self.device = torch.device(arguments.device)
        self.cuda = self.device.type == "cuda"
        self.small = arguments.small
        self.compiles = not arguments.no_compile
        self.limit = arguments.limit
        self.lines = lines
        self.section = ""
        self.begun = time.monotonic()
        self.flushed = torch.empty(self.size(CACHES_BYTES, 4096), dtype=torch.uint8, device=self.device)

    def size(self, full, tiny):
        return tiny if self.small else full

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize()

    def write(self, **line):
        print(json.dumps(line), file=self.lines, flush=True)

    def report(self, name, variant, nanos, flops=0, tokens=0, note=""):
        line = {"section": self.section, "case": name, "variant": variant, "micros": nanos / 1e3}
        rate = ""
        if tokens:
            line["tokens_per_s"] = tokens * 1e9 / nanos
            rate = f"{line['tokens_per_s']:,.0f} tokens/s"
        elif flops:
            line["tflops"] = flops / nanos / 1e3
            rate = f"{line['tflops']:,.1f} TFLOP/s"
        self.write(**line, note=note)
        print(f"{name:46} {variant:24} {nanos / 1e3:12,.2f} µs {rate:>18}  {note}", flush=True)

    def skip(self, name, variant, why):
        why = str(why).strip().splitlines()[0] if str(why).strip() else repr(why)
        self.write(section=self.section, case=name, variant=variant, skipped=why)
        print(f"{name} {variant}: skipped: {why}", flush=True)

    @contextlib.contextmanager
    def attempt(self, name, variant=""):
        """What fails is said, and the rest goes on."""
        try:
            yield
        except Exception as e:  # an operation that this build lacks, memory, a compiler that is not there
            self.skip(name, variant, f"{type(e).__name__}: {e}")
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()

    def has_time(self, name, variant=""):
        if time.monotonic() - self.begun < self.limit:
            return True
        self.skip(name, variant, f"the section's {self.limit} s are over")
        return False

    def nanos(self, run):
        """The median time of what a call gives the device."""
        if self.small:
            return self.times(run, 2)
        probe = self.times(run, 3)
        return self.times(run, int(min(200, max(10, 2.5e8 / max(1.0, probe)))))

    def times(self, run, count):
        nanos = []
        if not self.cuda:
            for _ in range(count):
                begin = time.perf_counter_ns()
                run()
                nanos.append(time.perf_counter_ns() - begin)
            return statistics.median(nanos)
        events = []
        for _ in range(count):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            self.flushed.zero_()
            begin.record()
            run()
            end.record()
            events.append((begin, end))
        torch.cuda.synchronize()
        return statistics.median(begin.elapsed_time(end) * 1e6 for begin, end in events)

    def measure(self, name, make, variant="eager", flops=0, graph=True, note=""):
        """make(operands) gives a call without arguments; of small operands there are several sets."""
        if not self.has_time(name, variant):
            return
        with self.attempt(name, variant):
            operands = Operands(self)
            calls = [make(operands)]
            sets = 2 if self.small else max(1, min(MOST_SETS, math.ceil(CACHES_BYTES / max(1, operands.bytes))))
            calls += [make(operands) for _ in range(sets - 1)]
            kept = []

            def run():
                kept[:] = [call() for call in calls]

            replay = run
            if self.cuda:
                side = torch.cuda.Stream()
                side.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(side):
                    run()
                    run()
                torch.cuda.current_stream().wait_stream(side)
                if graph:
                    captured = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(captured):
                        run()
                    replay = captured.replay
            else:
                run()
            self.report(name, variant, self.nanos(replay) / len(calls), flops=flops, note=note)

    def eager_and_compiled(self, name, function, make, flops=0):
        """make(operands) gives the function's arguments."""
        def by(f):
            def call(operands):
                given = make(operands)
                return lambda: f(*given)
            return call

        self.measure(name, by(function), flops=flops)
        if self.compiles:
            self.measure(name, by(torch.compile(function, dynamic=False)), variant="compile", flops=flops)


def copy(lab):
    n = lab.size(1 << 28, 1024)

    def make(o):
        x, y = o.normal("F32", n), o.zeros(torch.float32, n)
        return lambda: y.copy_(x)

    lab.measure(f"copy F32 {n}", make)


def matmul(lab):
    def product(name, m, n, k, order=""):
        flops = 2.0 * m * n * k
        title = f"{name} {m}x{n}x{k}{order}"

        def make(o):
            x = o.normal(name, k, m).t() if order.startswith(" T") else o.normal(name, m, k)
            w = o.normal(name, k, n) if order.endswith("N") else o.normal(name, n, k).t()
            return lambda: x @ w

        for library in ("cublas", "cublaslt") if lab.cuda else ("",):
            if library:
                torch.backends.cuda.preferred_blas_library(library)
            lab.measure(title, make, variant="matmul " + library, flops=flops)

    def eight(n):
        for fast in (False, True):
            def make(o):
                x, w = o.normal("FP8", n, n), o.normal("FP8", n, n)
                one = torch.ones((), device=lab.device)
                return lambda: torch._scaled_mm(
                    x, w.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16, use_fast_accum=fast)

            lab.measure(f"FP8 {n}x{n}x{n}", make, variant="_scaled_mm" + (" fast sums" if fast else ""),
                        flops=2.0 * n * n * n, note="result in BF16")

    for full in (4096, 8192):
        n = lab.size(full, full // 128)
        product("BF16", n, n, n)
        product("F16", n, n, n)
        eight(n)
    n = lab.size(4096, 64)
    for order in (" NN", " TN", " TT"):
        product("BF16", n, n, n, order)
    for k, columns in ((4096, 4096), (4096, 1024), (4096, 14336), (14336, 4096), (4096, 128256)):
        for rows, few in ((1, 1), (8, 2), (32, 17), (128, 20)):
            product("BF16", lab.size(rows, few), lab.size(columns, columns // 128), lab.size(k, k // 64))


def attention(lab):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    tokens, heads, kv_heads = lab.size(16384, 32), lab.size(32, 4), lab.size(8, 1)
    backends = [(b.name.lower().removesuffix("_attention"), b)
                for b in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)]
    if not lab.cuda:
        backends = [("math", SDPBackend.MATH)]

    def attend(q, k, v, causal):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)

    def inputs(o, dtype, dim, length, gradients=False):
        shapes = [(tokens // length, length, h, dim) for h in (heads, kv_heads, kv_heads)]
        return [o.normal(dtype, *s).transpose(1, 2).requires_grad_(gradients) for s in shapes]

    def flops(dim, length):
        return 4.0 * tokens * heads * dim * length / 2

    def forward(dtype, dim, full):
        length = lab.size(full, full // 1024)
        for variant, backend in backends:
            def make(o):
                q, k, v = inputs(o, dtype, dim, length)

                def call():
                    with sdpa_kernel(backend):
                        return attend(q, k, v, True)
                return call

            lab.measure(f"{dtype} d{dim} t{length} forward", make, variant, flops(dim, length))

    def backward(dim, full):
        length = lab.size(full, full // 1024)
        for variant, backend in backends:
            def make(o):
                q, k, v = inputs(o, "BF16", dim, length, True)
                gradient = o.normal("BF16", tokens // length, length, heads, dim).transpose(1, 2)

                def call():
                    with sdpa_kernel(backend):
                        return torch.autograd.grad(attend(q, k, v, True), (q, k, v), gradient)
                return call

            lab.measure(f"BF16 d{dim} t{length} forward+backward", make, variant, 3.5 * flops(dim, length), graph=False)

    for full in (2048, 4096, 8192, 16384):
        forward("BF16", 128, full)
    forward("BF16", 64, 4096)
    forward("BF16", 64, 16384)
    forward("F16", 128, 4096)
    forward("F16", 64, 4096)
    for dim in (128, 64):
        backward(dim, 2048)
        backward(dim, 8192)
    keys = lab.size(32768, 96)
    for dtype in ("BF16", "F16"):
        for variant, backend in backends:
            def make(o):
                q = o.normal(dtype, 1, heads, 1, 128)
                k, v = o.normal(dtype, 1, kv_heads, keys, 128), o.normal(dtype, 1, kv_heads, keys, 128)

                def call():
                    with sdpa_kernel(backend):
                        return attend(q, k, v, False)
                return call

            lab.measure(f"{dtype} d128 1 query {keys} keys", make, variant)


def elementwise(lab):
    n, side = lab.size(1 << 28, 1024), lab.size(8192, 64)

    def unary(name, dtype, function):
        lab.measure(f"{name} {dtype} {n}", lambda o: (lambda x: lambda: function(x))(o.normal(dtype, n)))

    def binary(name, dtype, function):
        def make(o):
            a, b = o.normal(dtype, n), o.normal(dtype, n)
            return lambda: function(a, b)

        lab.measure(f"{name} {dtype} {n}", make)

    unary("exp", "F32", torch.exp)
    unary("exp", "BF16", torch.exp)
    unary("gelu", "BF16", F.gelu)
    unary("cast to BF16", "F32", lambda x: x.bfloat16())
    unary("cast to F32", "BF16", lambda x: x.float())
    unary("cast to F8_E4M3", "BF16", lambda x: x.to(torch.float8_e4m3fn))
    binary("add", "F32", torch.add)
    binary("add", "BF16", torch.add)
    binary("less", "F32", torch.lt)
    lab.eager_and_compiled(f"swiglu BF16 {n}", lambda a, b: F.silu(a) * b,
                           lambda o: (o.normal("BF16", n), o.normal("BF16", n)))

    def where(o):
        c, a, b = o.zeros(torch.bool, n), o.normal("F32", n), o.normal("F32", n)
        return lambda: torch.where(c, a, b)

    lab.measure(f"where F32 {n}", where)
    columns = lab.size(4096, 32)

    def row(o):
        a, b = o.normal("BF16", n // columns, columns), o.normal("BF16", columns)
        return lambda: a + b

    lab.measure(f"add a row BF16 {n // columns}x{columns}", row)
    lab.measure(f"dropout BF16 {n}", lambda o: (lambda x: lambda: F.dropout(x, 0.1))(o.normal("BF16", n)), graph=False)
    for dtype in ("I8", "BF16", "F32"):
        lab.measure(f"transpose {dtype} {side}x{side}",
                    lambda o: (lambda x: lambda: x.t().contiguous())(o.zeros(TYPES[dtype], side, side)))
    lab.measure(f"copy of a slice F32 {side}x{side - 8}",
                lambda o: (lambda x: lambda: x[:, 4:-4].contiguous())(o.normal("F32", side, side)))

    def adamw(o):
        p = o.normal("F32", n).requires_grad_()
        p.grad = o.normal("F32", n)
        optimizer = torch.optim.AdamW([p], betas=(0.9, 0.95), fused=True)
        return optimizer.step

    lab.measure(f"adamw F32 {n}", adamw, variant="fused", graph=False)


def rows(lab):
    m, dim, vocabulary = lab.size(8192, 8), lab.size(4096, 64), lab.size(128256, 96)
    side, eps = lab.size(8192, 32), 1e-5

    def each(name, dtype, a, b, function):
        lab.measure(f"{name} {dtype} {a}x{b}", lambda o: (lambda x: lambda: function(x))(o.normal(dtype, a, b)))

    for dtype in ("F32", "BF16"):
        each("softmax", dtype, m, dim, lambda x: x.softmax(-1))
        each("softmax", dtype, m, vocabulary, lambda x: x.softmax(-1))
    for dtype in ("F32", "BF16"):
        lab.eager_and_compiled(f"rms norm {dtype} {m}x{dim}", lambda x, w: F.rms_norm(x, (dim,), w, eps),
                               lambda o: (o.normal(dtype, m, dim), o.normal(dtype, dim)))
        lab.eager_and_compiled(f"layer norm {dtype} {m}x{dim}", lambda x, w, b: F.layer_norm(x, (dim,), w, b, eps),
                               lambda o: (o.normal(dtype, m, dim), o.normal(dtype, dim), o.normal(dtype, dim)))

    def add_norm(x, residual, w):
        y = x + residual
        return y, F.rms_norm(y, (dim,), w, eps)

    lab.eager_and_compiled(f"add and rms norm F32 {m}x{dim}", add_norm, lambda o: (
        o.normal("F32", m, dim), o.normal("F32", m, dim), o.normal("F32", dim)))

    def norm_gradient(o):
        x, w, b = (o.normal("F32", *s).requires_grad_() for s in ((m, dim), (dim,), (dim,)))
        gradient = o.normal("F32", m, dim)
        return lambda: torch.autograd.grad(F.layer_norm(x, (dim,), w, b, eps), (x, w, b), gradient)

    lab.measure(f"layer norm forward+backward F32 {m}x{dim}", norm_gradient, graph=False)
    lab.eager_and_compiled(f"cross-entropy F32 {m}x{vocabulary}", F.cross_entropy,
                           lambda o: (o.normal("F32", m, vocabulary), o.ids(vocabulary, m)))
    each("sum of rows", "F32", side, side, lambda x: x.sum(-1))
    each("sum of columns", "F32", side, side, lambda x: x.sum(0))
    each("sum of all", "F32", side, side, torch.sum)
    each("argmax", "F32", 1, vocabulary, lambda x: x.argmax(-1))
    each("argsort", "F32", 1, vocabulary, lambda x: torch.argsort(x, dim=-1, descending=True, stable=True))
    each("cumsum", "F32", 1, vocabulary, lambda x: x.cumsum(-1))
    heads, head = lab.size(32, 2), 128

    def rope(x, positions, frequencies):
        angle = (positions.float()[..., None] * frequencies)[:, :, None, :]
        cos, sin = angle.cos(), angle.sin()
        a, b = x.float().chunk(2, -1)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).to(x.dtype)

    for dtype in ("F32", "BF16"):
        lab.eager_and_compiled(f"rope {dtype} {m}x{heads}x{head}", rope, lambda o: (
            o.normal(dtype, 1, m, heads, head), o.ids(m, 1, m), o.normal("F32", head // 2)))

    def cache_write(tokens, kv_heads):
        def make(o):
            cache = o.zeros(torch.float16, 1, kv_heads, lab.size(4096, 8), head).transpose(1, 2)
            keys, at = o.normal("F32", 1, tokens, kv_heads, head), torch.arange(tokens, device=lab.device)
            return lambda: cache.index_copy_(1, at, keys.half())

        lab.measure(f"cache write F32 to F16 {tokens}x{kv_heads}x{head}", make)

    cache_write(1, lab.size(8, 1))
    cache_write(lab.size(2048, 3), lab.size(8, 1))

    def embedding(o):
        table, ids = o.normal("BF16", vocabulary, dim), o.ids(vocabulary, m)
        return lambda: F.embedding(ids, table)

    lab.measure(f"embedding BF16 {m}x{dim}", embedding)

    def index_add(o):
        table, ids = o.normal("F32", vocabulary, dim // 2), o.ids(vocabulary, m)
        source = o.normal("F32", m, dim // 2)
        return lambda: table.index_add(0, ids, source)

    torch.utils.deterministic.fill_uninitialized_memory = False
    for deterministic in (False, True):
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
        lab.measure(f"index add F32 {m}x{dim // 2}", index_add, graph=False,
                    variant="deterministic" if deterministic else "atomic")
    torch.use_deterministic_algorithms(False)


def overhead(lab):
    def host(name, count, call, variant="eager"):
        with lab.attempt(name, variant):
            nanos = []
            for _ in range(12):
                lab.synchronize()
                begin = time.perf_counter_ns()
                for _ in range(count):
                    call()
                nanos.append((time.perf_counter_ns() - begin) / count)
            lab.report(name, variant, statistics.median(nanos[3:]))

    x = torch.randn(1024, device=lab.device)
    calls = lab.size(200, 5)
    name = f"plan of {calls} additions"
    if lab.cuda:
        with lab.attempt(name, "graph"):
            y = x + x
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                y = x + x
                for _ in range(calls - 1):
                    y = y + x
            host(name + " replay", 20, graph.replay, "graph")
            lab.report(name + " on the device", "graph", lab.nanos(graph.replay))
    else:
        lab.skip(name, "graph", "CUDA graphs need a CUDA device")
    host("eager addition", 100, lambda: x + x)
    host("take and give 1 MiB", 100, lambda: torch.empty(1 << 20, dtype=torch.uint8, device=lab.device))


SECTIONS = {f.__name__: f for f in (copy, matmul, attention, decode, train, elementwise, rows, overhead)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {list(SECTIONS)}; default: all")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", help="a file that gets a line for each figure")
    parser.add_argument("--small", action="store_true", help="tiny sizes")
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile")
    parser.add_argument("--limit", type=float, default=180, help="seconds after which a section begins nothing new")
    a = parser.parse_args()
    unknown = [s for s in a.sections if s not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]}; there are {list(SECTIONS)}")
    if a.device.startswith("cuda") and not torch.cuda.is_available():
        parser.exit(1, "gpu_torch: this PyTorch sees no CUDA device\n")
    torch.manual_seed(1)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(tempfile.gettempdir(), "quern-inductor"))
    with open(a.json or os.devnull, "a", encoding="utf-8") as lines:
        lab = Lab(a, lines)
        facts = {"program": f"torch {torch.__version__}", "date": datetime.date.today().isoformat()}
        if lab.cuda:
            facts |= {"device": torch.cuda.get_device_name(), "driver": f"CUDA {torch.version.cuda} runtime"}
        lab.write(section="machine", **facts)
        print(", ".join(facts.values()))
        for name in a.sections or SECTIONS:
            print(f"\n{name}", flush=True)
            lab.section, lab.begun = name, time.monotonic()
            SECTIONS[name](lab)


if __name__ == "__main__":
    main()
