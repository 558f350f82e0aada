package dev.quern.transformer.train.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Chance;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.layers.Layer;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.RunCheckpoints;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.Trainer;
import dev.quern.transformer.train.TrainingOptions;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.optimizer.Optimizer;
import dev.quern.transformer.train.optimizer.ParameterUpdate;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.optimizer.StepContext;
import dev.quern.transformer.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts of one's own, each in the few lines it takes, trained together. */
class OwnPartsTest {

  /** A dataset: dice, and whether their sum is 7 or more. Batch n is the same each time. */
  record Dice(long seed) implements Dataset<Batch> {
    @Override
    public long size() {
      return Long.MAX_VALUE;
    }

    @Override
    public Batch get(long index) {
      Chance chance = Chance.of(seed, index);
      int[] eyes = new int[2 * 32];
      int[] large = new int[32];
      for (int i = 0; i < large.length; i++) {
        eyes[2 * i] = (int) chance.below(6);
        eyes[2 * i + 1] = (int) chance.below(6);
        large[i] = eyes[2 * i] + eyes[2 * i + 1] + 2 >= 7 ? 1 : 0;
      }
      return new Batch(
          Map.of(
              Batch.INPUT_IDS, new IntMatrix(eyes, 32, 2),
              Batch.LABELS, new IntMatrix(large, 32, 1)));
    }
  }

  /** A layer: a gate of its own, y = x · sigmoid(a · x + b), element by element. */
  record Gate(Tensor a, Tensor b) implements Layer {
    @Override
    public Tensor forward(Tensor x) {
      return x.mul(x.mul(a).add(b).sigmoid());
    }

    @Override
    public Map<String, Tensor> parameters() {
      return Map.of("a", a, "b", b);
    }
  }

  /** A model: embedding, gate, sum over the dice, and a map to one number. */
  static final class DiceModel implements TrainableModel {
    private static final int DIM = 8;
    private final Map<String, Buffer> parameters = new LinkedHashMap<>();

    DiceModel(Engine engine) {
      add(engine, "embedding", 1, 6, DIM);
      add(engine, "gate.a", 2, DIM);
      add(engine, "gate.b", 3, DIM);
      add(engine, "output", 4, 1, DIM);
    }

    private void add(Engine engine, String name, long seed, long... dims) {
      Buffer b = engine.buffer(name, TensorSpec.of(ScalarType.F32, dims));
      b.assign(engine.normal(seed, dims));
      parameters.put(name, b);
    }

    private Tensor p(String name) {
      return parameters.get(name).value();
    }

    @Override
    public Map<String, Buffer> parameters() {
      return parameters;
    }

    @Override
    public Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode) {
      Tensor x = p("embedding").embedding(batch.get(Batch.INPUT_IDS), ScalarType.F32);
      Tensor sum = new Gate(p("gate.a"), p("gate.b")).forward(x).sum(false, 1);
      return Map.of(LOGITS, sum.linear(p("output")));
    }

    @Override
    public void save(Path folder) {
      SafetensorsWriter writer = new SafetensorsWriter();
      parameters.forEach(
          (name, b) -> writer.tensor(name, b.spec(), b.value().contiguous().segment()));
      writer.write(folder.resolve("dice.safetensors"));
    }

    @Override
    public void close() {
      parameters.values().forEach(Buffer::close);
    }
  }

  /** A loss: the squared distance of the probability from the truth (Brier's score). */
  static final Loss BRIER =
      (outputs, batch) -> {
        Tensor wrong =
            outputs
                .get(TrainableModel.LOGITS)
                .sigmoid()
                .sub(batch.get(Batch.LABELS).cast(ScalarType.F32));
        return wrong.mul(wrong).mean();
      };

  /** An optimiser: momentum whose step has a fixed length in each element, m ← βm + (1−β)g. */
  record SignMomentum(double beta) implements Optimizer {
    @Override
    public Map<String, TensorSpec> state(TensorSpec parameter) {
      return Map.of("m", parameter);
    }

    @Override
    public int scalars() {
      return 1;
    }

    @Override
    public void scalars(StepContext at, double[] into) {
      into[0] = at.rate();
    }

    @Override
    public void update(ParameterUpdate u) {
      Tensor m = u.state("m").mul(beta).add(u.gradient().mul(1 - beta));
      u.assign("m", m);
      u.assign(u.parameter().sub(m.div(m.abs().add(1e-12)).mul(u.scalar(0))));
    }
  }

  @TempDir private Path folder;

  @Test
  void train() {
    Schedule halved = step -> 0.02 * StrictMath.pow(0.5, Math.floorDiv(step, 100));
    List<Double> losses = new ArrayList<>();
    try (Engine engine = Engine.create();
        DiceModel model = new DiceModel(engine);
        ParameterUpdates updates =
            ParameterUpdates.of(engine, new SignMomentum(0.9), model.parameters()).build();
        Trainer trainer =
            new Trainer(
                engine, model, BRIER, updates, halved, new Dice(7), new TrainingOptions(400))) {
      trainer.listen(
          new TrainingListener() {
            @Override
            public void step(StepReport step) {
              losses.add(step.loss());
            }
          },
          "dice",
          "",
          "gate");
      trainer.saveTo(new RunCheckpoints(folder), "dice");
      trainer.run();
    }
    assertEquals(400, losses.size());
    double last = losses.subList(350, 400).stream().mapToDouble(x -> x).average().orElseThrow();
    assertTrue(last < 0.03, "Brier's score " + last);
    try (SafetensorsFile saved =
        SafetensorsFile.open(folder.resolve("step-00000400/dice.safetensors"))) {
      assertEquals(4, saved.names().size());
    }
  }
}
