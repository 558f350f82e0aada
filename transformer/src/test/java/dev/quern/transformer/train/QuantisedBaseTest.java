package dev.quern.transformer.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Chance;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.RandomWindows;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.optimizer.AdamW;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Constant;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Low-rank updates (Hu et al. 2021) over a frozen, quantised base. */
class QuantisedBaseTest {
  private static final int DIM = 256;
  private static final int VOCABULARY = 256;

  /** Embedding and two maps, all quantised; the first map has a trained update of rank 4. */
  private static final class LowRank implements TrainableModel {
    final List<Tensor> base = new ArrayList<>();
    final Map<String, Buffer> parameters = new LinkedHashMap<>();

    LowRank(Engine engine, BlockType type) {
      for (long seed = 1; seed <= 3; seed++) {
        base.add(engine.normal(seed, VOCABULARY, DIM).mul(0.1).cast(type));
      }
      add(engine, "a", engine.normal(4, 4, DIM).mul(0.05));
      add(engine, "b", engine.zeros(DIM, 4));
    }

    private void add(Engine engine, String name, Tensor values) {
      Buffer buffer = engine.buffer(name, values.spec());
      buffer.assign(values);
      parameters.put(name, buffer);
    }

    @Override
    public Map<String, Buffer> parameters() {
      return parameters;
    }

    @Override
    public Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode) {
      Tensor x = base.get(0).embedding(batch.get(Batch.INPUT_IDS), ScalarType.F32);
      Tensor update =
          x.linear(parameters.get("a").value()).linear(parameters.get("b").value()).mul(8);
      Tensor h = x.linear(base.get(1)).add(update).silu();
      return Map.of(LOGITS, h.linear(base.get(2)));
    }

    @Override
    public void save(Path folder) {}

    @Override
    public void close() {
      parameters.values().forEach(Buffer::close);
    }

    List<byte[]> bytes() {
      return base.stream().map(t -> t.storage().segment().toArray(ValueLayout.JAVA_BYTE)).toList();
    }
  }

  private static TokenSequence corpus() {
    Chance chance = Chance.of(3);
    int[] ids = new int[2000];
    for (int i = 1; i < ids.length; i++) {
      ids[i] = (ids[i - 1] * 3 + (int) chance.below(2)) % 61;
    }
    return TokenSequence.of(ids);
  }

  @ParameterizedTest
  @EnumSource(
      value = BlockType.class,
      names = {"Q8_0", "Q4_K"})
  void lossFallsAndTheBaseStays(BlockType type) {
    Dataset<Batch> batches = new RandomWindows(corpus(), 16, 8, 1);
    List<Double> losses = new ArrayList<>();
    try (Engine engine = Engine.create();
        LowRank model = new LowRank(engine, type);
        ParameterUpdates updates =
            ParameterUpdates.of(engine, new AdamW(0.9, 0.99, 1e-8, 0, false), model.parameters())
                .build();
        Trainer trainer =
            new Trainer(
                engine,
                model,
                new CrossEntropy().on(TrainableModel.LOGITS, Batch.LABELS),
                updates,
                new Constant(0.02),
                batches,
                new TrainingOptions(60))) {
      List<byte[]> before = model.bytes();
      trainer.listen(
          new TrainingListener() {
            @Override
            public void step(StepReport step) {
              losses.add(step.loss());
            }
          },
          "",
          "",
          "");
      trainer.run();
      List<byte[]> after = model.bytes();
      for (int i = 0; i < before.size(); i++) {
        assertArrayEquals(before.get(i), after.get(i));
      }
      assertEquals(TensorSpec.of(ScalarType.F32, DIM, 4), model.parameters().get("b").spec());
    }
    assertTrue(losses.getLast() < 0.8 * losses.getFirst(), losses.toString());
  }
}
