package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every model keeps to, whoever made it; a subclass says which model. */
abstract class ModelContract {
  private static final int THREADS = 4;
  private final List<AutoCloseable> opened = new ArrayList<>();
  private Engine engine;
  private Model model;
  private TensorScope scope;

  /** Opens the model on an engine. */
  abstract Model open(Engine engine);

  @BeforeEach
  void openModel() {
    engine = Engine.builder().threads(2).build();
    opened.add(engine);
    model = open(engine);
    opened.add(this::closeModelUnlessTheTestDid);
    scope = TensorScope.open("contract");
    opened.add(scope);
  }

  /** Closes what was opened: less than all if there is no such model here. */
  @AfterEach
  void closeAll() throws Exception {
    for (AutoCloseable o : opened.reversed()) {
      o.close();
    }
  }

  private void closeModelUnlessTheTestDid() {
    try {
      model.close();
    } catch (ScopeClosedException alreadyClosedByTheTest) {
      assertTrue(alreadyClosedByTheTest.getMessage().contains("closed twice"));
    }
  }

  /** A value for an input, from its description alone: index 1 everywhere, 3 on open axes. */
  private Tensor example(Port p, Map<String, Long> extents) {
    long[] dims = new long[p.axes().size()];
    int count = 1;
    for (int i = 0; i < dims.length; i++) {
      Axis a = p.axes().get(i);
      dims[i] = extents.computeIfAbsent(a.name(), _ -> Math.clamp(3L, a.min(), a.max()));
      count *= (int) dims[i];
    }
    int[] ones = new int[count];
    java.util.Arrays.fill(ones, 1);
    ScalarType type = ScalarType.valueOf(p.types().getFirst());
    return engine.tensor(ones, dims).cast(type);
  }

  private Map<String, Tensor> examples(boolean withOptional) {
    Map<String, Long> extents = new HashMap<>();
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    for (Port p : model.signature().inputs()) {
      if (withOptional || !p.optional()) {
        inputs.put(p.name(), example(p, extents));
      }
    }
    return inputs;
  }

  private FieldException refused(Map<String, Tensor> inputs, Map<String, ?> parameters) {
    return assertThrows(FieldException.class, () -> model.infer(inputs, parameters));
  }

  @Test
  void theCardIsFilledIn() {
    ModelCard card = model.card();
    assertFalse(card.name().isBlank());
    assertFalse(card.family().isBlank());
    assertTrue(card.version().matches("\\d+\\.\\d+\\.\\d+.*"), card.version());
    assertNotNull(card.lineage());
    assertEquals(card.task(), Task.of(card.task().jsonName()));
  }

  @Test
  void cardAndSignatureGoThroughJson() {
    String card = model.card().toJson();
    assertEquals(model.card(), ModelCard.fromJson(card));
    assertEquals(card, ModelCard.fromJson(card).toJson());
    String signature = model.signature().toJson();
    assertEquals(model.signature(), Signature.fromJson(signature));
    assertEquals(signature, Signature.fromJson(signature).toJson());
  }

  @Test
  void outputsFitTheSignature() {
    for (boolean optional : new boolean[] {false, true}) {
      Map<String, Tensor> inputs = examples(optional);
      Map<String, Long> extents = model.signature().checkInputs(inputs);
      Map<String, Tensor> outputs = model.infer(inputs);
      model.signature().checkOutputs(outputs, extents);
      for (Port p : model.signature().outputs()) {
        Tensor t = outputs.get(p.name());
        assertTrue(p.optional() || t != null, p.name());
        if (t != null) {
          for (float x : t.toFloats()) {
            assertTrue(Float.isFinite(x), p.name());
          }
        }
      }
    }
  }

  @Test
  void unknownInputsAreNamed() {
    Map<String, Tensor> inputs = examples(false);
    inputs.put("notAnInput", inputs.values().iterator().next());
    FieldException e = refused(inputs, Map.of());
    assertEquals("notAnInput", e.field());
    assertTrue(e.getMessage().contains("'notAnInput'"), e.getMessage());
  }

  @Test
  void missingInputsAreNamed() {
    for (Port p : model.signature().inputs()) {
      if (!p.optional()) {
        Map<String, Tensor> inputs = examples(false);
        inputs.remove(p.name());
        assertEquals(p.name(), refused(inputs, Map.of()).field());
      }
    }
  }

  @Test
  void wrongTypesAndShapesAreNamed() {
    for (Port p : model.signature().inputs()) {
      Map<String, Tensor> inputs = examples(true);
      Tensor right = inputs.get(p.name());
      inputs.put(p.name(), right.cast(ScalarType.F64));
      FieldException e = refused(inputs, Map.of());
      assertEquals(p.name(), e.field());
      assertTrue(e.getMessage().contains("F64"), e.getMessage());
      inputs.put(p.name(), right.unsqueeze(0));
      assertEquals(p.name(), refused(inputs, Map.of()).field());
      for (int i = 0; i < p.axes().size(); i++) {
        Axis axis = p.axes().get(i);
        if (axis.max() < 1 << 20) {
          long[] dims = right.shape().dims();
          dims[i] = axis.max() + 1;
          Tensor big = engine.full(ScalarType.F32, 1, dims).cast(right.dtype());
          inputs.put(p.name(), big);
          FieldException tooLong = refused(inputs, Map.of());
          assertEquals(p.name(), tooLong.field());
          assertTrue(tooLong.getMessage().contains("'" + axis.name() + "'"), tooLong.getMessage());
        }
      }
    }
  }

  @Test
  void extentsOfOneAxisMustAgree() {
    Map<String, Tensor> inputs = examples(true);
    if (inputs.size() > 1) {
      Port last = model.signature().inputs().getLast();
      Tensor t = inputs.get(last.name());
      long[] dims = t.shape().dims();
      dims[0]--;
      inputs.put(last.name(), engine.full(ScalarType.F32, 1, dims).cast(t.dtype()));
      assertEquals(last.name(), refused(inputs, Map.of()).field());
    }
  }

  @Test
  void unknownParametersAreNamed() {
    FieldException e = refused(examples(false), Map.of("notAParameter", 1));
    assertEquals("notAParameter", e.field());
  }

  @Test
  void parametersOutOfRangeAreNamed() {
    assertFalse(model.signature().parameters().isEmpty());
    for (Parameter p : model.signature().parameters()) {
      List<Object> wrong = new ArrayList<>(List.of(new Object()));
      switch (p.type()) {
        case INTEGER -> wrong.addAll(List.of((long) p.max() + 1, (long) p.min() - 1, 0.5, "1"));
        case NUMBER -> wrong.addAll(List.of(p.max() * 2 + 1, Double.NaN, "1"));
        case BOOLEAN -> wrong.addAll(List.of("true", 1));
        case TEXT -> wrong.addAll(List.of("no such choice", 1));
        case TEXTS, WEIGHTS -> wrong.addAll(List.of("a", 1));
      }
      for (Object value : wrong) {
        FieldException e = refused(examples(false), Map.of(p.name(), value));
        assertEquals(p.name(), e.field(), String.valueOf(value));
      }
    }
  }

  @Test
  void valuesOutsideTheVocabularyAreRefused() {
    Map<String, Tensor> inputs = examples(false);
    for (int value : new int[] {-1, Integer.MAX_VALUE}) {
      for (String name : inputs.keySet()) {
        Map<String, Tensor> wrong = new LinkedHashMap<>(inputs);
        Tensor t = inputs.get(name);
        wrong.put(
            name, engine.tensor(new int[] {value}).reshape(1, 1).expand(t.shape()).contiguous());
        FieldException e = refused(wrong, Map.of());
        assertEquals(name, e.field());
        assertTrue(e.getMessage().contains("" + value), e.getMessage());
      }
    }
  }

  @Test
  void inferIsDeterministicAndThreadSafe() throws Exception {
    Map<String, Tensor> inputs = examples(true);
    Map<String, float[]> first = floats(model.infer(inputs));
    List<Callable<Map<String, float[]>>> calls = new ArrayList<>();
    for (int i = 0; i < 8 * THREADS; i++) {
      calls.add(
          () -> {
            try (TensorScope _ = TensorScope.open("call")) {
              return floats(model.infer(inputs));
            }
          });
    }
    try (ExecutorService pool = Executors.newFixedThreadPool(THREADS)) {
      for (Future<Map<String, float[]>> f : pool.invokeAll(calls)) {
        Map<String, float[]> again = f.get();
        assertEquals(first.keySet(), again.keySet());
        first.forEach((name, values) -> assertArrayEquals(values, again.get(name), name));
      }
    }
  }

  private static Map<String, float[]> floats(Map<String, Tensor> outputs) {
    Map<String, float[]> all = new LinkedHashMap<>();
    outputs.forEach((name, t) -> all.put(name, t.toFloats()));
    return all;
  }

  @Test
  void outputsOutliveTheModelsOwnScope() {
    Tensor kept;
    try (TensorScope inner = TensorScope.open("inner")) {
      kept = inner.promote(model.infer(examples(false)).values().iterator().next());
    }
    assertTrue(kept.toFloats().length > 0);
  }

  @Test
  void useAfterCloseAndClosingTwiceAreReported() {
    Map<String, Tensor> inputs = examples(false);
    model.close();
    var used = assertThrows(ScopeClosedException.class, () -> model.infer(inputs));
    assertTrue(used.getMessage().contains(model.card().name()), used.getMessage());
    var twice = assertThrows(ScopeClosedException.class, model::close);
    assertTrue(twice.getMessage().contains("closed twice"), twice.getMessage());
    assertFalse(model.card().name().isBlank());
  }

  @Test
  void closingWaitsForRunningCalls() throws Exception {
    Map<String, Tensor> inputs = examples(false);
    int expected = model.infer(inputs).size();
    try (ExecutorService pool = Executors.newFixedThreadPool(THREADS)) {
      List<Future<Integer>> calls = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        calls.add(
            pool.submit(
                () -> {
                  try (TensorScope _ = TensorScope.open("call")) {
                    return model.infer(inputs).size();
                  } catch (ScopeClosedException closed) {
                    return -1;
                  }
                }));
      }
      assertEquals(expected, calls.getFirst().get());
      model.close();
      for (Future<Integer> f : calls) {
        assertTrue(f.get() == expected || f.get() == -1);
      }
    }
  }
}
