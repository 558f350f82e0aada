package dev.quern.bench.gpu;

import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.List;

/**
 * Attention: forwards over 16,384 tokens in sequences of some length, forwards and backwards, and
 * one query over many keys that lie as a cache has them, also in pages. Half of the scores of a
 * causal forward pass count; a backward pass is 2.5 forward ones.
 */
final class AttentionSection {
  private static final double PRODUCTS = 2; // of a multiplication and an addition each, QKᵀ and PV
  private static final double BACKWARD = 2.5;
  private static final int HEAD = 128; // elements
  private static final int PAGE = 128; // rows

  private final Lab lab;
  private final Engine engine;
  private final long tokens;
  private final long heads;
  private final long kvHeads;

  private AttentionSection(Lab lab) {
    this.lab = lab;
    engine = lab.engine();
    tokens = lab.size(16_384, 32);
    heads = lab.size(32, 4);
    kvHeads = lab.size(8, 1);
  }

  static void run(Lab lab) {
    AttentionSection s = new AttentionSection(lab);
    for (long length : new long[] {2048, 4096, 8192, 16_384}) {
      s.forward(ScalarType.BF16, 128, length);
    }
    s.forward(ScalarType.BF16, 64, 4096);
    s.forward(ScalarType.BF16, 64, 16_384);
    s.forward(ScalarType.F16, 128, 4096);
    s.forward(ScalarType.F16, 64, 4096);
    for (long dim : new long[] {128, 64}) {
      s.backward(dim, 2048);
      s.backward(dim, 8192);
    }
    s.decode(ScalarType.BF16);
    s.decode(ScalarType.F16);
    for (DType cache : List.of(ScalarType.F16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      s.decode(cache, false);
      s.decode(cache, true);
    }
  }

  private Tensor[] operands(Operands o, ScalarType type, long dim, long length) {
    long batch = tokens / length;
    return new Tensor[] {
      o.normal(type, batch, length, heads, dim),
      o.normal(type, batch, length, kvHeads, dim),
      o.normal(type, batch, length, kvHeads, dim)
    };
  }

  private double flops(long dim, long length) {
    return 2 * PRODUCTS * tokens * heads * dim * length / 2;
  }

  private void forward(ScalarType type, long dim, long full) {
    long length = lab.size(full, full / 1024);
    lab.measure(
        Section.ATTENTION
            .figure("%s d%d t%d forward".formatted(type, dim, length))
            .withFlops(flops(dim, length)),
        o -> {
          Tensor[] x = operands(o, type, dim, length);
          return () -> List.of(x[0].attention(x[1], x[2], true));
        });
  }

  private void backward(long dim, long full) {
    long length = lab.size(full, full / 1024);
    lab.measure(
        Section.ATTENTION
            .figure("BF16 d%d t%d forward+backward".formatted(dim, length))
            .withFlops((1 + BACKWARD) * flops(dim, length)),
        o -> {
          Tensor[] x = operands(o, ScalarType.BF16, dim, length);
          Tensor gradient = o.normal(ScalarType.BF16, tokens / length, length, heads, dim);
          return () -> {
            try (Tape tape = engine.tape()) {
              tape.watch(x);
              Gradients g = tape.backward(x[0].attention(x[1], x[2], true), gradient);
              return List.of(g.of(x[0]), g.of(x[1]), g.of(x[2]));
            }
          };
        });
  }

  private void decode(ScalarType type) {
    long keys = lab.size(32_768, 96);
    long dim = HEAD;
    lab.measure(
        Section.ATTENTION.figure("%s d%d 1 query %d keys".formatted(type, dim, keys)),
        o -> {
          Tensor q = o.normal(type, 1, 1, heads, dim);
          Tensor k = o.normal(type, 1, kvHeads, keys, dim).transpose(1, 2);
          Tensor v = o.normal(type, 1, kvHeads, keys, dim).transpose(1, 2);
          return () -> List.of(q.attention(k, v, false));
        });
  }

  /** An F32 query over a cache's keys and values, which lie together or in scattered pages. */
  private void decode(DType cache, boolean paged) {
    long rows = lab.size(32_768, 2 * PAGE);
    long pages = paged ? rows / PAGE : 1;
    String name = "F32 d%d 1 query %d %s keys".formatted(HEAD, rows, cache);
    Attention op =
        new Attention(false, (float) (1 / Math.sqrt(HEAD)), 0, 0, false, false, false)
            .withPages(paged);
    lab.measure(
        Section.ATTENTION.figure(paged ? name + " in pages of " + PAGE : name),
        o -> {
          Tensor q = o.normal(ScalarType.F32, 1, 1, heads, HEAD);
          Tensor k = o.normal(cache, pages, kvHeads, rows / pages, HEAD).transpose(1, 2);
          Tensor v = o.normal(cache, pages, kvHeads, rows / pages, HEAD).transpose(1, 2);
          Tensor[] table = paged ? new Tensor[] {o.shuffled((int) pages, 1, pages)} : new Tensor[0];
          return () -> List.of(q.attention(k, v, op, table));
        });
  }
}
