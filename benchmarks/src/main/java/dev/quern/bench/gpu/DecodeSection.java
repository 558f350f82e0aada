package dev.quern.bench.gpu;

import dev.quern.bench.RandomDecoder;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * Decoders of random weights, all of one type, with a cache of F16 that holds 512 tokens at first:
 * 128 tokens for each sequence, the likeliest one each time, without the host in between. The time
 * is the host's, of a step; the bytes are those of the weights and of the cache up to the middle.
 */
final class DecodeSection {
  private static final int REPEATS = 3;
  private static final double DEVIATION = 0.02;
  private static final RandomDecoder.Shape TINY =
      new RandomDecoder.Shape(256, 256, 4, 2, 1, 256, 512, true);
  private static final RandomDecoder.Shape LLAMA_1B =
      new RandomDecoder.Shape(2048, 8192, 32, 8, 16, 128_256, 8192, true);
  private static final RandomDecoder.Shape LLAMA_8B =
      new RandomDecoder.Shape(4096, 14_336, 32, 8, 32, 128_256, 8192, false);

  private final Lab lab;
  private final Engine engine;

  private DecodeSection(Lab lab) {
    this.lab = lab;
    engine = lab.engine();
  }

  static void run(Lab lab) {
    DecodeSection s = new DecodeSection(lab);
    for (DType type : List.of(ScalarType.BF16, BlockType.Q8_0, BlockType.Q4_K)) {
      s.model("Llama 1B", LLAMA_1B, type);
      s.model("Llama 8B", LLAMA_8B, type);
    }
  }

  private void model(String name, RandomDecoder.Shape full, DType type) {
    String title = name + " " + type;
    lab.attempt(
        Section.DECODE.figure(title),
        () -> {
          Lifetime owner = new Lifetime("model '" + title + "'");
          List<Storage> weights = new ArrayList<>();
          try {
            RandomDecoder.Shape shape = lab.isSmall() ? TINY : full;
            RandomDecoder decoder =
                new RandomDecoder(engine, shape, dims -> weight(weights, owner, type, dims));
            for (int batch : new int[] {1, lab.count(64, 2)}) {
              Figure f = Section.DECODE.figure(title + " batch " + batch);
              lab.attempt(f, () -> lab.report().add(steps(f, decoder, shape, batch)));
            }
          } finally {
            owner.close();
            weights.forEach(Storage::recycle);
          }
        });
  }

  private Tensor weight(List<Storage> weights, Lifetime owner, DType type, long... dims) {
    TensorSpec spec = TensorSpec.of(type, dims);
    Storage s = engine.zeroed(spec, owner, false);
    weights.add(s);
    lab.patterns().fill(engine.home(), s.segment(), type, spec.shape().elements(), DEVIATION);
    return engine.wrap(s, spec);
  }

  private Figure steps(Figure f, RandomDecoder decoder, RandomDecoder.Shape shape, int batch) {
    int depth = lab.count(512, 2);
    int steps = lab.count(128, 3);
    SessionOptions options = SessionOptions.of(1, depth + steps).withCache(ScalarType.F16);
    try (Session one = Session.open(engine, decoder, options)) {
      one.prefill(0, new SplittableRandom(depth).ints(depth, 0, shape.vocabulary()).toArray());
      try (Session session = one.fork(new int[batch])) {
        return steps(f, session, decoder, shape, depth, steps);
      }
    }
  }

  /** Sequences that begin alike go on from tokens of their own. */
  private Figure steps(
      Figure f,
      Session session,
      RandomDecoder decoder,
      RandomDecoder.Shape shape,
      int depth,
      int steps) {
    int batch = session.cache().batch();
    int[] first = new SplittableRandom(batch).ints(batch, 0, shape.vocabulary()).toArray();
    double[] nanos = new double[REPEATS];
    for (int i = -1; i < REPEATS; i++) { // the first time, plans are recorded
      for (int s = 0; s < batch; s++) {
        session.cache().truncate(s, depth);
      }
      long from = System.nanoTime();
      session.steps(first, steps, SamplingOptions.GREEDY, 0);
      nanos[Math.max(0, i)] = (System.nanoTime() - from) / (double) steps;
    }
    double cached = batch * (depth + steps / 2.0) * shape.cacheBytes(Short.BYTES);
    return f.withNanos(Lab.median(nanos))
        .withTokens(batch)
        .withBytes(decoder.weightBytes() + cached)
        .withKernels(
            session.loopPlan().stream()
                .flatMap(p -> p.kernels().stream())
                .distinct()
                .collect(Collectors.joining(", ")));
  }
}
