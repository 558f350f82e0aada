package dev.quern.bench.gpu;

import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.layers.RopeFrequencies;
import java.util.List;
import java.util.function.UnaryOperator;

/** Reductions, norms, look-ups and sorting, with a language model's extents. */
final class RowsSection {
  private static final float EPS = 1e-5f;
  private static final int HEAD = 128;
  private static final double THETA = 10_000;

  private final Lab lab;
  private final long rows;
  private final long dim;
  private final long vocabulary;
  private final long side;

  private RowsSection(Lab lab) {
    this.lab = lab;
    rows = lab.size(8192, 8);
    dim = lab.size(4096, 64);
    vocabulary = lab.size(128_256, 96);
    side = lab.size(8192, 32);
  }

  static void run(Lab lab) {
    RowsSection s = new RowsSection(lab);
    for (ScalarType type : List.of(ScalarType.F32, ScalarType.BF16)) {
      s.each("softmax", type, s.rows, s.dim, x -> x.softmax(-1));
      s.each("softmax", type, s.rows, s.vocabulary, x -> x.softmax(-1));
    }
    s.norms();
    s.crossEntropy();
    s.each("sum of rows", ScalarType.F32, s.side, s.side, x -> x.sum(false, -1));
    s.each("sum of columns", ScalarType.F32, s.side, s.side, x -> x.sum(false, 0));
    s.each("sum of all", ScalarType.F32, s.side, s.side, Tensor::sum);
    s.each("argmax", ScalarType.F32, 1, s.vocabulary, x -> x.argMax(-1, false));
    s.each("argsort", ScalarType.F32, 1, s.vocabulary, x -> x.argSort(-1, true));
    s.each("cumsum", ScalarType.F32, 1, s.vocabulary, x -> x.cumSum(-1, false));
    s.rope();
    s.cacheWrite(1);
    s.cacheWrite(2048);
    s.indices();
  }

  private static Figure figure(String name, ScalarType type, long m, long n) {
    return Section.ROWS.figure("%s %s %dx%d".formatted(name, type, m, n));
  }

  private void each(String name, ScalarType type, long m, long n, UnaryOperator<Tensor> op) {
    lab.measure(
        figure(name, type, m, n),
        o -> {
          Tensor x = o.normal(type, m, n);
          return () -> List.of(op.apply(x));
        });
  }

  private void norms() {
    for (ScalarType type : List.of(ScalarType.F32, ScalarType.BF16)) {
      lab.measure(
          figure("rms norm", type, rows, dim),
          o -> {
            Tensor x = o.normal(type, rows, dim);
            Tensor w = o.normal(type, dim);
            return () -> List.of(x.rmsNorm(w, EPS));
          });
      lab.measure(
          figure("layer norm", type, rows, dim),
          o -> {
            Tensor x = o.normal(type, rows, dim);
            Tensor w = o.normal(type, dim);
            Tensor b = o.normal(type, dim);
            return () -> List.of(x.layerNorm(w, b, EPS));
          });
    }
    lab.measure(
        figure("add and rms norm", ScalarType.F32, rows, dim),
        o -> {
          Tensor x = o.normal(ScalarType.F32, rows, dim);
          Tensor residual = o.normal(ScalarType.F32, rows, dim);
          Tensor w = o.normal(ScalarType.F32, dim);
          return () -> {
            Tensor sum = x.add(residual);
            return List.of(sum, sum.rmsNorm(w, EPS));
          };
        });
    double passes = 5; // x and the result; x, its gradient and the result's
    lab.measure(
        figure("layer norm forward+backward", ScalarType.F32, rows, dim)
            .withBytes(passes * Float.BYTES * rows * dim),
        o -> {
          Tensor x = o.normal(ScalarType.F32, rows, dim);
          Tensor w = o.normal(ScalarType.F32, dim);
          Tensor b = o.normal(ScalarType.F32, dim);
          Tensor gradient = o.normal(ScalarType.F32, rows, dim);
          return () -> {
            try (Tape tape = lab.engine().tape()) {
              tape.watch(x, w, b);
              Tensor y = x.layerNorm(w, b, EPS);
              Gradients g = tape.backward(y, gradient);
              return List.of(y, g.of(x), g.of(w), g.of(b));
            }
          };
        });
  }

  private void crossEntropy() {
    lab.measure(
        figure("cross-entropy", ScalarType.F32, rows, vocabulary),
        o -> {
          Tensor x = o.normal(ScalarType.F32, rows, vocabulary);
          Tensor targets = o.ids((int) vocabulary, rows);
          return () -> List.of(x.crossEntropy(targets));
        });
  }

  private void rope() {
    long heads = lab.size(32, 2);
    float[] f = RopeFrequencies.toFloats(RopeFrequencies.standard(HEAD, THETA));
    Tensor frequencies = lab.engine().tensor(f);
    for (ScalarType type : List.of(ScalarType.F32, ScalarType.BF16)) {
      lab.measure(
          Section.ROWS.figure("rope %s %dx%dx%d".formatted(type, rows, heads, HEAD)),
          o -> {
            Tensor x = o.normal(type, 1, rows, heads, HEAD);
            Tensor positions = o.ids((int) rows, 1, rows);
            return () -> List.of(x.rope(positions, frequencies, false));
          });
    }
  }

  /** Keys of some tokens go to a cache, which lies as decoding has it. */
  private void cacheWrite(long full) {
    long tokens = lab.size(full, Math.min(full, 3));
    long heads = lab.size(8, 1);
    for (DType type : List.of(ScalarType.F16, BlockType.Q8_0)) {
      double bytes = tokens * heads * (HEAD * Float.BYTES + (double) bytes(type));
      lab.measure(
          Section.ROWS
              .figure("cache write F32 to %s %dx%dx%d".formatted(type, tokens, heads, HEAD))
              .withBytes(bytes),
          o -> {
            Tensor cache = o.zeros(type, 1, heads, lab.size(4096, 8), HEAD).transpose(1, 2);
            Tensor keys = o.normal(ScalarType.F32, 1, tokens, heads, HEAD);
            Tensor starts = o.zeros(ScalarType.I32, 1);
            return () -> {
              lab.engine().apply(new BufferOp.CacheWrite(), List.of(cache, keys, starts));
              return List.of();
            };
          });
    }
  }

  /** Of a head's row. */
  private static long bytes(DType type) {
    return (long) HEAD / type.blockLength() * type.blockBytes();
  }

  private void indices() {
    lab.measure(
        figure("embedding", ScalarType.BF16, rows, dim).withBytes(2.0 * Short.BYTES * rows * dim),
        o -> {
          Tensor table = o.normal(ScalarType.BF16, vocabulary, dim);
          Tensor ids = o.ids((int) vocabulary, rows);
          return () -> List.of(table.embedding(ids, ScalarType.BF16));
        });
    long half = dim / 2;
    lab.measure(
        figure("index add", ScalarType.F32, rows, half),
        o -> {
          Tensor table = o.normal(ScalarType.F32, vocabulary, half);
          Tensor ids = o.ids((int) vocabulary, rows);
          Tensor source = o.normal(ScalarType.F32, rows, half);
          return () -> List.of(table.indexAdd(0, ids, source));
        });
  }
}
