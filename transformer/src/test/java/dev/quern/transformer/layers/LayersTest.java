package dev.quern.transformer.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Precision;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.Engines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LayersTest {
  private Engine engine;
  private TensorScope scope;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
    scope = TensorScope.open("test");
  }

  @AfterEach
  void close() {
    scope.close();
    engine.close();
  }

  private static float[] row(float[] all, int row, int columns) {
    return Arrays.copyOfRange(all, row * columns, (row + 1) * columns);
  }

  @Test
  void aModelOfOnesOwnIsShortAndCausal() throws IOException {
    CharacterModel model = CharacterModel.create(engine, 11, 16, 2, 4);
    float[] a = model.forward(engine.tensor(new int[] {1, 2, 3, 4}, 1, 4)).toFloats();
    float[] b = model.forward(engine.tensor(new int[] {1, 2, 3, 9}, 1, 4)).toFloats();
    assertEquals(4 * 11, a.length);
    for (int t = 0; t < 3; t++) {
      assertArrayEquals(row(a, t, 11), row(b, t, 11));
    }
    assertNotEquals(Arrays.toString(row(a, 3, 11)), Arrays.toString(row(b, 3, 11)));
    Path source = Path.of("src/test/java/dev/quern/transformer/layers/CharacterModel.java");
    assertTrue(Files.readAllLines(source).size() < 40, "the example has grown");
  }

  @Test
  void ropeTurnsPairsOfBothKinds() {
    Tensor x = engine.tensor(new float[] {1, 2, 3, 4}, 1, 1, 1, 4);
    Tensor f = engine.tensor(RopeFrequencies.toFloats(RopeFrequencies.standard(4, 10_000)));
    Tensor at = engine.tensor(new int[] {3}, 1, 1);
    float[] neighbours = new Rope(f, true).forward(x, at).toFloats();
    float[] halves = new Rope(f, false).forward(x, at).toFloats();
    double c = Math.cos(3);
    double s = Math.sin(3);
    assertEquals(c - 2 * s, neighbours[0], 1e-6);
    assertEquals(s + 2 * c, neighbours[1], 1e-6);
    assertEquals(c - 3 * s, halves[0], 1e-6);
    assertEquals(s + 3 * c, halves[2], 1e-6);
    assertEquals(2 * Math.cos(0.03) - 4 * Math.sin(0.03), halves[1], 1e-6);
  }

  @Test
  void frequenciesScale() {
    double[] f = RopeFrequencies.standard(8, 10_000);
    assertArrayEquals(new double[] {1, 0.1, 0.01, 0.001}, f, 1e-12);
    assertArrayEquals(new double[] {0.25, 0.025}, Arrays.copyOf(RopeFrequencies.linear(f, 4), 2));
    assertArrayEquals(
        new double[] {1, 0.05, 0.01, 0.00025},
        RopeFrequencies.divide(f, new float[] {1, 2, 1, 4}),
        1e-12);
    assertThrows(ShapeException.class, () -> RopeFrequencies.divide(f, new float[3]));
    assertThrows(ShapeException.class, () -> RopeFrequencies.standard(7, 10_000));
    // Within 64 tokens pair 0 turns 10 times (kept), pair 3 a hundredth of a turn (slowed by 8).
    double[] scaled = RopeFrequencies.llama3(f, 8, 1, 4, 64);
    assertEquals(1, scaled[0]);
    assertEquals(0.001 / 8, scaled[3], 1e-15);
    double turns = 64 * 0.1 / (2 * Math.PI);
    double blend = (turns - 1) / 3;
    assertEquals(0.1 * (blend + (1 - blend) / 8), scaled[1], 1e-15);
  }

  @Test
  void groupedHeadsEqualRepeatedOnes() {
    int dim = 8;
    Linear q = Initializers.linear(engine, dim, dim, 1);
    Linear k = Initializers.linear(engine, dim, 4, 2);
    Linear v = Initializers.linear(engine, dim, 4, 3);
    Linear o = Initializers.linear(engine, dim, dim, 4);
    Tensor x = engine.normal(5, 2, 3, dim);
    var grouped = new MultiHeadAttention(q, k, v, o, AttentionOptions.of(4, 2, true), null);
    var repeated =
        new MultiHeadAttention(
            q, repeatHeads(k), repeatHeads(v), o, AttentionOptions.of(4, true), null);
    assertArrayEquals(grouped.forward(x).toFloats(), repeated.forward(x).toFloats(), 1e-6f);
    assertThrows(
        ShapeException.class,
        () -> new MultiHeadAttention(q, k, v, o, AttentionOptions.of(4, true), null));
  }

  /** Each of two heads of two rows twice. */
  private static Linear repeatHeads(Linear l) {
    Tensor w = l.weight();
    Tensor a = w.slice(0, 0, 2);
    Tensor b = w.slice(0, 2, 2);
    return new Linear(a.concat(0, a, b, b));
  }

  @Test
  void aWindowHidesOlderTokens() {
    int dim = 4;
    Linear w = Initializers.linear(engine, dim, dim, 1);
    var all = new MultiHeadAttention(w, w, w, w, AttentionOptions.of(2, true), null);
    var window =
        new MultiHeadAttention(w, w, w, w, AttentionOptions.of(2, true).withWindow(2), null);
    Tensor x = engine.normal(5, 1, 4, dim);
    float[] last = row(window.forward(x).toFloats(), 3, dim);
    float[] twoOnly = row(all.forward(x.slice(1, 2, 2)).toFloats(), 1, dim);
    assertArrayEquals(twoOnly, last, 1e-6f);
  }

  @ParameterizedTest
  @CsvSource({"false,0", "true,0", "false,1", "true,1"})
  void lengthsHidePadding(boolean causal, int window) {
    int dim = 4;
    Linear w = Initializers.linear(engine, dim, dim, 1);
    AttentionOptions options = AttentionOptions.of(2, causal).withWindow(window);
    var attention = new MultiHeadAttention(w, w, w, w, options, null);
    Tensor x = engine.normal(5, 1, 4, dim);
    AttentionContext padded = AttentionContext.whole(x, engine.tensor(new int[] {2}));
    float[] a = Arrays.copyOf(attention.forward(x, padded).toFloats(), 2 * dim);
    assertArrayEquals(attention.forward(x.slice(1, 0, 2)).toFloats(), a, 1e-6f);
  }

  @Test
  void postNormNormalisesTheResult() {
    int dim = 8;
    Linear w = Initializers.linear(engine, dim, dim, 1);
    LayerNorm norm =
        new LayerNorm(
            engine.full(dev.quern.core.type.ScalarType.F32, 1, dim), engine.zeros(dim), 0);
    var block =
        new TransformerBlock.PostNorm(
            new MultiHeadAttention(w, w, w, w, AttentionOptions.of(2, false), null),
            norm,
            new FeedForward(w, Activation.RELU, w),
            norm);
    Tensor y = block.forward(engine.normal(3, 1, 2, dim));
    assertArrayEquals(new float[2], y.mean(false, -1).toFloats(), 1e-5f);
    assertArrayEquals(new float[] {1, 1}, y.mul(y).mean(false, -1).toFloats(), 1e-4f);
  }

  @Test
  void gatedFeedForwardIsItsFormula() {
    Linear gate = Initializers.linear(engine, 4, 6, 1);
    Linear up = Initializers.linear(engine, 4, 6, 2);
    Linear down = Initializers.linear(engine, 6, 4, 3);
    Tensor x = engine.normal(9, 2, 4);
    for (Activation f : Activation.values()) {
      Tensor wanted = down.forward(f.forward(gate.forward(x)).mul(up.forward(x)));
      float[] y = new GatedFeedForward(gate, up, f, down).forward(x).toFloats();
      assertArrayEquals(wanted.toFloats(), y, 1e-6f, f.name());
    }
  }

  @Test
  void dropoutIsTheIdentityUnlessItTrains() {
    Tensor x = engine.full(dev.quern.core.type.ScalarType.F32, 3, 40, 50);
    Dropout d = new Dropout(0.25);
    assertSame(x, d.forward(x));
    Tensor seed = engine.tensor(new long[] {7, 0});
    float[] y = d.forward(x, seed).toFloats();
    assertArrayEquals(y, d.forward(x, seed).toFloats());
    int dropped = 0;
    for (float v : y) {
      assertTrue(v == 0 || Math.abs(v - 4) < 1e-6, "" + v);
      dropped += v == 0 ? 1 : 0;
    }
    assertEquals(0.25, dropped / 2000.0, 0.04);
    assertThrows(IllegalArgumentException.class, () -> new Dropout(1));
  }

  @Test
  void positionsAreAdded() {
    Tensor zero = engine.zeros(1, 3, 4);
    float[] s = new SinusoidalPositions().forward(zero).toFloats();
    assertEquals(0, s[0]);
    assertEquals(1, s[1]);
    assertEquals(Math.sin(2), s[8], 1e-6);
    assertEquals(Math.cos(2), s[9], 1e-6);
    assertEquals(Math.sin(2 / 100.0), s[10], 1e-6);
    Tensor table = engine.normal(1, 5, 4);
    float[] l = new LearnedPositions(table).forward(zero).toFloats();
    assertArrayEquals(table.slice(0, 0, 3).toFloats(), l);
    Tensor at = engine.tensor(new int[] {4, 0, 2}, 1, 3);
    float[] chosen = new LearnedPositions(table).forward(zero, at).toFloats();
    assertArrayEquals(table.select(0, 4).toFloats(), row(chosen, 0, 4));
  }

  @Test
  void weightsAreListedByName() {
    Linear w = Initializers.linear(engine, 4, 4, 1);
    Layer block =
        new TransformerBlock.PreNorm(
            Initializers.rmsNorm(engine, 4),
            new MultiHeadAttention(
                w,
                w,
                w,
                new Linear(w.weight(), engine.zeros(4)),
                AttentionOptions.of(1, true),
                null),
            Initializers.rmsNorm(engine, 4),
            new GatedFeedForward(w, w, Activation.SILU, w));
    Map<String, Tensor> all = block.parameters();
    assertEquals(
        "[attentionNorm.weight, attention.query.weight, attention.key.weight,"
            + " attention.value.weight, attention.output.weight, attention.output.bias,"
            + " feedForwardNorm.weight, feedForward.gate.weight, feedForward.up.weight,"
            + " feedForward.down.weight]",
        all.keySet().toString());
    assertSame(w.weight(), all.get("attention.query.weight"));
    assertEquals(
        Shape.of(4), new NamedTensors().add("b", engine.zeros(4)).toMap().get("b").shape());
  }
}
