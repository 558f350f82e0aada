package dev.quern.transformer.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.BatchOrder;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.data.PackedBatches;
import dev.quern.transformer.data.Packing;
import dev.quern.transformer.data.Padding;
import dev.quern.transformer.data.Sample;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.loss.Loss;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Packed examples teach what padded ones do, and none sees another. */
class PackedBatchesTest {
  private static final int VOCABULARY = 23;
  private static final int WINDOW = 16;
  private static final Loss LOSS = new CrossEntropy().on(TrainableModel.LOGITS, Batch.LABELS);

  @TempDir private Path folder;

  private static List<Sample> samples() {
    List<Sample> all = new ArrayList<>();
    for (int length : new int[] {5, 11, 3, 7, 6, 16, 1}) {
      int[] ids = new int[length + 1];
      for (int i = 0; i <= length; i++) {
        ids[i] = (i * 7 + length * 5) % VOCABULARY;
      }
      int[] labels = java.util.Arrays.copyOfRange(ids, 1, length + 1);
      labels[0] = length > 6 ? Batch.IGNORE : labels[0];
      all.add(Sample.ofTokens(java.util.Arrays.copyOf(ids, length), labels));
    }
    return all;
  }

  private static Batch packed(List<Sample> samples) {
    Packing packing = new Packing(WINDOW, 0);
    Dataset<List<Sample>> rows = packing.rows(Dataset.of(samples));
    BatchOrder order = BatchOrder.inOrder(rows.size(), Math.toIntExact(rows.size()));
    return new PackedBatches(rows, packing, order).get(0);
  }

  private FamilyModel model(Engine engine, String family) {
    ModelShape.Head head = ModelShape.Head.TOKENS;
    ModelShape shape =
        new ModelShape(
            VOCABULARY,
            16,
            2,
            4,
            family.equals("llama") ? 2 : 4,
            32,
            WINDOW,
            true,
            head,
            List.of());
    Path to = folder.resolve(family);
    NewModel.write(engine, to, family, shape, WeightInitializer.normal(0.3, 4), 3);
    return FamilyModel.open(engine, to);
  }

  private static Map<String, Tensor> fields(Engine engine, Batch batch) {
    Map<String, Tensor> fields = new LinkedHashMap<>();
    batch
        .fields()
        .forEach((n, m) -> fields.put(n, engine.tensor(m.values(), m.rows(), m.columns())));
    return fields;
  }

  /** The loss under "", and the gradients by parameter. */
  private static Map<String, float[]> step(
      Engine engine, FamilyModel model, Batch batch, boolean recompute) {
    Map<String, float[]> all = new LinkedHashMap<>();
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      tape.watch(model.parameters().values().toArray(Buffer[]::new));
      Map<String, Tensor> fields = fields(engine, batch);
      TrainingMode mode = new TrainingMode(0, null, recompute, 0, null);
      Tensor loss = LOSS.of(model.forward(fields, mode), fields);
      all.put("", loss.toFloats());
      Gradients g = tape.backward(loss);
      model.parameters().forEach((n, b) -> all.put(n, g.of(b).toFloats()));
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({"gpt2,false", "llama,false", "llama,true"})
  void lossAndGradientsAreThoseOfPaddedBatches(String family, boolean recompute) {
    Batch padded = new Padding(0).collate(samples());
    Batch packed = packed(samples());
    assertEquals(padded.labelCount(), packed.labelCount());
    assertEquals(padded.tokenCount(), packed.tokenCount());
    IntMatrix ids = packed.field(Batch.INPUT_IDS);
    assertTrue(ids.rows() < padded.field(Batch.INPUT_IDS).rows(), ids.rows() + " rows");
    try (Engine engine = Engine.create();
        FamilyModel model = model(engine, family)) {
      Map<String, float[]> expected = step(engine, model, padded, false);
      Map<String, float[]> actual = step(engine, model, packed, recompute);
      assertEquals(expected.keySet(), actual.keySet());
      expected.forEach((name, e) -> assertArrayEquals(e, actual.get(name), 2e-6f, name));
    }
  }

  @Test
  void noTextSeesAnother() {
    List<Sample> samples = samples();
    try (Engine engine = Engine.create();
        FamilyModel model = model(engine, "llama");
        TensorScope _ = TensorScope.open()) {
      Batch before = packed(samples);
      Sample first = samples.getFirst();
      int[] others = first.inputs().clone();
      others[0] = (others[0] + 1) % VOCABULARY;
      samples.set(0, Sample.ofTokens(others, first.labels()));
      Batch after = packed(samples);
      float[] a = logits(engine, model, before);
      float[] b = logits(engine, model, after);
      int[] ids = before.field(Batch.INPUT_IDS).values();
      int[] now = after.field(Batch.INPUT_IDS).values();
      int changed = 0;
      while (ids[changed] == now[changed]) {
        changed++;
      }
      for (int i = 0; i < ids.length; i++) {
        boolean same = true;
        for (int j = i * VOCABULARY; j < (i + 1) * VOCABULARY; j++) {
          same &= a[j] == b[j];
        }
        assertEquals(i < changed || i >= changed + others.length, same, "place " + i);
      }
    }
  }

  private static float[] logits(Engine engine, FamilyModel model, Batch batch) {
    return model
        .forward(fields(engine, batch), TrainingMode.NONE)
        .get(TrainableModel.LOGITS)
        .toFloats();
  }

  @Test
  void encodersRefuse() {
    try (Engine engine = Engine.create();
        FamilyModel model = model(engine, "bert");
        TensorScope _ = TensorScope.open()) {
      NotSupportedException e =
          assertThrows(NotSupportedException.class, () -> logits(engine, model, packed(samples())));
      assertTrue(e.getMessage().contains("'bert'"), e.getMessage());
    }
  }
}
