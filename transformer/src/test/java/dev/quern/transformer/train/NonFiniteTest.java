package dev.quern.transformer.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.optimizer.AdamW;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Constant;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Steps whose loss or gradient is not finite: nothing is updated, and the first bad one is named.
 */
class NonFiniteTest {
  private static final Loss MEAN = (outputs, batch) -> outputs.get(TrainableModel.LOGITS).mean();

  /** Not a number where a label is 0, whatever the model says; the gradients are finite. */
  private static final Loss OF_LABELS =
      (outputs, batch) -> {
        Tensor labels = batch.get(Batch.LABELS).cast(ScalarType.F32);
        return MEAN.of(outputs, batch).add(labels.div(labels).mean());
      };

  @TempDir private Path folder;

  /** f(a · x) · b, in two layers. */
  private static final class TwoLayers implements TrainableModel {
    private final Map<String, Buffer> parameters = new LinkedHashMap<>();
    private final UnaryOperator<Tensor> inside;

    TwoLayers(Engine engine, UnaryOperator<Tensor> inside) {
      this.inside = inside;
      for (String name : List.of("a", "b")) {
        Buffer b = engine.buffer(name, TensorSpec.of(ScalarType.F32, 1));
        b.assign(engine.tensor(new float[] {0.5f}, 1));
        parameters.put(name, b);
      }
    }

    float[] values() {
      float[] all = new float[2];
      all[0] = parameters.get("a").value().toFloats()[0];
      all[1] = parameters.get("b").value().toFloats()[0];
      return all;
    }

    @Override
    public Map<String, Buffer> parameters() {
      return parameters;
    }

    @Override
    public Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode) {
      Tensor x = batch.get(Batch.INPUT_IDS).cast(ScalarType.F32);
      Tensor h = mode.saw("blocks.0", x.mul(parameters.get("a").value()));
      Tensor y = inside.apply(h).mul(parameters.get("b").value());
      return Map.of(LOGITS, mode.saw("blocks.1", y));
    }

    @Override
    public void save(Path to) {
      AtomicFile.write(to.resolve("model"), sink -> sink.write(new byte[1]));
    }

    @Override
    public void close() {
      parameters.values().forEach(Buffer::close);
    }
  }

  private static Dataset<Batch> batches(int[] inputs, int[] labels) {
    List<Batch> all = new ArrayList<>();
    for (int i = 0; i < inputs.length; i++) {
      all.add(
          new Batch(
              Map.of(
                  Batch.INPUT_IDS, new IntMatrix(new int[] {inputs[i]}, 1, 1),
                  Batch.LABELS, new IntMatrix(new int[] {labels[i]}, 1, 1))));
    }
    return Dataset.of(all);
  }

  /** Trains until it fails, and holds the weights against those of the steps before. */
  private NonFiniteLossException failing(
      UnaryOperator<Tensor> inside, Loss loss, Dataset<Batch> data, int accumulate, long good) {
    float[] before = new float[0];
    NonFiniteLossException thrown = null;
    for (long steps : new long[] {good, good + 1}) {
      try (Engine engine = Engine.create();
          TwoLayers model = new TwoLayers(engine, inside);
          ParameterUpdates updates =
              ParameterUpdates.of(
                      engine, new AdamW(0.9, 0.99, 1e-8, 0.1, false), model.parameters())
                  .skippingNonFinite()
                  .build();
          Trainer trainer =
              new Trainer(
                  engine,
                  model,
                  loss,
                  updates,
                  new Constant(0.01),
                  data,
                  new TrainingOptions(steps).withAccumulate(accumulate))) {
        if (steps == good) {
          trainer.saveTo(new RunCheckpoints(folder.resolve("checkpoints")), "test");
          trainer.run();
          before = model.values();
        } else {
          trainer.saveTo(new RunCheckpoints(folder.resolve("checkpoints")), "test");
          thrown = assertThrows(NonFiniteLossException.class, trainer::run);
          assertArrayEquals(before, model.values());
        }
      }
    }
    assertEquals(good + 1, thrown.step());
    assertTrue(thrown.getMessage().contains("step-%08d".formatted(good)), thrown.getMessage());
    return thrown;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aLossThatIsNotFiniteUpdatesNothingThoughItsGradientsAre(int accumulate) {
    int[] inputs = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    int[] labels = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    labels[accumulate == 1 ? 2 : 7] = 0;
    NonFiniteLossException e = failing(h -> h, OF_LABELS, batches(inputs, labels), accumulate, 2);
    assertEquals("the loss", e.place());
    assertEquals(accumulate == 3, e.getMessage().contains("of batch 2 of 3"), e.getMessage());
  }

  @Test
  void theFirstOfSeveralBadBatchesIsNamed() {
    int[] inputs = {1, 2, 3, 4, 5, 0, 6, 0};
    int[] labels = {1, 1, 1, 1, 1, 1, 1, 1};
    NonFiniteLossException e = failing(Tensor::log, MEAN, batches(inputs, labels), 4, 1);
    assertEquals("layer 'blocks.1'", e.place());
    assertTrue(e.getMessage().contains("of batch 2 of 4"), e.getMessage());
  }

  @Test
  void aGradientThatIsNotFiniteIsFoundInItsLayer() {
    // The square root of 0 is finite, its slope is not.
    int[] inputs = {1, 2, 3, 0};
    int[] labels = {1, 1, 1, 1};
    NonFiniteLossException e = failing(Tensor::sqrt, MEAN, batches(inputs, labels), 2, 1);
    assertEquals("the gradient of layer 'blocks.1'", e.place());
    assertTrue(e.getMessage().contains("of batch 2 of 2"), e.getMessage());
  }
}
