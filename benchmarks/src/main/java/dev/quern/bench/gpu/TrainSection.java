package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.RandomWindows;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.Trainer;
import dev.quern.transformer.train.TrainingOptions;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.optimizer.AdamW;
import dev.quern.transformer.train.optimizer.GradientClipping;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Constant;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * Steps of GPT-2 with 12 blocks of 768, a vocabulary padded to 50,304, 32 sequences of 1,024
 * tokens: forwards, backwards, clipping and AdamW, products in BF16. The time is the host's, from
 * batch to loss; the first steps, in which plans are recorded, don't count.
 */
final class TrainSection {
  private static final double PER_TOKEN = 6; // operations for a parameter, forwards and backwards
  private static final int CORPUS = 1 << 20;

  private TrainSection() {}

  static void run(Lab lab) {
    ModelShape shape =
        new ModelShape(
            lab.count(50_304, 32),
            lab.count(768, 16),
            lab.count(12, 1),
            lab.count(12, 2),
            lab.count(12, 2),
            lab.count(3072, 32),
            lab.count(1024, 8),
            true,
            ModelShape.Head.TOKENS,
            List.of());
    int batch = lab.count(32, 2);
    Figure f = Section.TRAIN.figure("GPT-2 BF16 %dx%d".formatted(batch, shape.contextLength()));
    lab.attempt(
        f,
        () -> {
          try {
            Path folder = Files.createTempDirectory("quern-gpu-bench");
            try {
              lab.report().add(steps(lab, f, folder, shape, batch));
            } finally {
              delete(folder);
            }
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static Figure steps(Lab lab, Figure f, Path folder, ModelShape shape, int batch) {
    int warm = lab.count(4, 1);
    int counted = lab.count(20, 2);
    int[] ids = new SplittableRandom(1).ints(CORPUS, 0, shape.vocabulary()).toArray();
    DoubleStream.Builder nanos = DoubleStream.builder();
    try (Engine engine = lab.engine(Engine.builder().precision(Precision.BF16))) {
      NewModel.write(engine, folder, "gpt2", shape, WeightInitializer.normal(0.02, 12), 1337);
      AdamW optimizer = new AdamW(0.9, 0.95, 1e-8, 0.1, false);
      try (FamilyModel model = FamilyModel.open(engine, folder);
          ParameterUpdates updates =
              ParameterUpdates.of(engine, optimizer, model.parameters())
                  .clipping(GradientClipping.byNorm(1))
                  .skippingNonFinite()
                  .build();
          Trainer trainer =
              new Trainer(
                  engine,
                  model,
                  new CrossEntropy().on(TrainableModel.LOGITS, Batch.LABELS),
                  updates,
                  new Constant(1e-4),
                  new RandomWindows(TokenSequence.of(ids), shape.contextLength(), batch, 5),
                  new TrainingOptions(warm + counted))) {
        trainer.listen(
            new TrainingListener() {
              @Override
              public void step(StepReport step) {
                if (step.step() > warm) {
                  nanos.add((double) step.durationNanos());
                }
              }
            },
            "benchmark",
            "",
            "");
        trainer.makeSteps(warm + counted);
        double parameters =
            model.parameters().values().stream()
                .mapToDouble(p -> p.spec().shape().elements())
                .sum();
        double tokens = (double) batch * shape.contextLength();
        return f.withNanos(Lab.median(nanos.build().toArray()))
            .withTokens(tokens)
            .withFlops(PER_TOKEN * parameters * tokens)
            .withNote("operations: 6 for each parameter and token");
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(p);
      }
    }
  }
}
