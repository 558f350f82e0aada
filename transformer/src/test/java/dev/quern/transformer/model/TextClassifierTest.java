package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.families.BertClassifier;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.FamilyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** The golden classifier: its logits, its labels, and the task's JSON. */
class TextClassifierTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  static final List<String> TIERS = Engines.TIERS;
  private static Model model;

  @BeforeAll
  static void open() {
    model = Models.open(Golden.of("classifier/hf"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @ParameterizedTest
  @FieldSource("TIERS")
  void logitsEqualTheGoldens(String tier) {
    JsonNode cases = Golden.json(Golden.of("classifier/cases.json"));
    float[] golden = Golden.npy(Golden.of("classifier/classifier.logits.npy"));
    int[] lengths = new int[cases.size()];
    int longest = 0;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = cases.get(i).get("ids").size();
      longest = Math.max(longest, lengths[i]);
    }
    int[] tokens = new int[lengths.length * longest];
    for (int i = 0; i < lengths.length; i++) {
      int[] row = Golden.ints(cases.get(i).get("ids"));
      System.arraycopy(row, 0, tokens, i * longest, row.length);
    }
    for (Precision precision : List.of(Precision.EXACT, Precision.FAST)) {
      try (Engine engine = Engines.of(tier, precision);
          Model own = Models.open(Golden.of("classifier/hf"), ModelOptions.of(engine));
          TensorScope _ = TensorScope.open()) {
        Map<String, Tensor> outputs =
            own.infer(
                Map.of(
                    "tokens",
                    engine.tensor(tokens, lengths.length, longest),
                    "lengths",
                    engine.tensor(lengths)));
        float[] logits = outputs.get("logits").toFloats();
        if (precision == Precision.EXACT) {
          assertTrue(Golden.maxError(logits, golden) <= 1e-4, Arrays.toString(logits));
          checkProbabilities(logits, outputs.get("probabilities").toFloats());
        } else {
          assertTrue(Golden.nmse(logits, golden) <= 3e-4, Arrays.toString(logits));
        }
      }
    }
  }

  private static void checkProbabilities(float[] logits, float[] probabilities) {
    for (int row = 0; row < logits.length; row += 3) {
      double sum = 0;
      for (int i = 0; i < 3; i++) {
        sum += Math.exp(logits[row + i]);
      }
      for (int i = 0; i < 3; i++) {
        assertEquals(Math.exp(logits[row + i]) / sum, probabilities[row + i], 1e-5);
      }
    }
  }

  @Test
  void aTextHasTheLikeliestLabel() {
    TextClassifier classifier = TextClassifier.of(model);
    assertEquals(List.of("grain", "stone", "song"), classifier.labels());
    float[] golden = Golden.npy(Golden.of("classifier/classifier.logits.npy"));
    JsonNode cases = Golden.json(Golden.of("classifier/cases.json"));
    for (int i = 0; i < cases.size(); i++) {
      String text = cases.get(i).get("text").asText();
      var response = classifier.classify(new TextClassifier.Request(text, Map.of("scores", true)));
      assertEquals(classifier.labels().get(Golden.argmax(golden, i * 3, 3)), response.label());
      assertEquals(classifier.labels(), List.copyOf(response.scores().keySet()));
      assertEquals(response.score(), response.scores().get(response.label()));
      assertEquals(1, response.scores().values().stream().mapToDouble(s -> s).sum(), 1e-5);
    }
  }

  @Test
  void fromJsonToJson() {
    TextClassifier classifier = TextClassifier.of(model);
    var request = TextClassifier.Request.fromJson("{\"text\":\"a song\"}");
    assertEquals("{\"text\":\"a song\"}", request.toJson());
    var response = classifier.classify(request);
    assertTrue(
        response.toJson().matches("\\{\"label\":\"\\w+\",\"score\":0\\.\\d+}"), response::toJson);
    assertEquals(response, TextClassifier.Response.fromJson(response.toJson()));
    var all = TextClassifier.Request.fromJson("{\"text\":\"a song\",\"scores\":true}");
    assertEquals("{\"text\":\"a song\",\"scores\":true}", all.toJson());
    var scores = classifier.classify(all);
    assertEquals(3, scores.scores().size());
    assertEquals(scores, TextClassifier.Response.fromJson(scores.toJson()));
    Signature s = classifier.signature();
    assertEquals(s, Signature.fromJson(s.toJson()));
    assertEquals(Task.TEXT_CLASSIFICATION, model.card().task());
    assertEquals("text-classification", model.card().task().jsonName());
    field("label", () -> TextClassifier.Response.fromJson("{\"score\":1}"));
    field(
        "scores",
        () -> TextClassifier.Response.fromJson("{\"label\":\"a\",\"score\":1,\"scores\":3}"));
    field("text", () -> classifier.classify(TextClassifier.Request.of("the ".repeat(100))));
    field("top", () -> classifier.classify(new TextClassifier.Request("a", Map.of("top", 2))));
  }

  @Test
  void specialTokensInATextAreText() {
    var m = (ClassifierModel) model;
    TextClassifier classifier = TextClassifier.of(model);
    var plain = classifier.classify(new TextClassifier.Request("[SEP]", Map.of("scores", true)));
    int[] parsed = {2, 3, 3};
    try (TensorScope _ = TensorScope.open()) {
      float[] other =
          m.infer(Map.of("tokens", m.engine().tensor(parsed, 1, 3)))
              .get("probabilities")
              .toFloats();
      List<Double> scores = new ArrayList<>();
      for (float p : other) {
        scores.add((double) p);
      }
      assertFalse(scores.equals(List.copyOf(plain.scores().values())));
    }
  }

  private static void field(String name, Runnable what) {
    FieldException e = assertThrows(FieldException.class, what::run);
    assertEquals(name, e.field(), e.getMessage());
  }

  @Test
  void otherTasksAreRefused() {
    var e = assertThrows(NotSupportedException.class, () -> TextGenerator.of(model));
    assertTrue(e.getMessage().contains("text-classification"), e.getMessage());
    assertThrows(NotSupportedException.class, () -> TextEmbedder.of(model));
    assertThrows(NotSupportedException.class, () -> MaskFiller.of(model));
    try (Model bert = Models.open(Golden.of("bert/hf"))) {
      assertThrows(NotSupportedException.class, () -> TextClassifier.of(bert));
    }
  }

  private static Path changed(Path folder, Consumer<ObjectNode> change) throws IOException {
    Path copy = Files.createDirectory(folder.resolve("hf" + System.nanoTime()));
    try (var files = Files.list(Golden.of("classifier/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, copy.resolve(f.getFileName().toString()));
      }
    }
    Path config = copy.resolve("config.json");
    ObjectNode node = (ObjectNode) JSON.readTree(config.toFile());
    change.accept(node);
    Files.writeString(config, node.toString());
    return copy;
  }

  @Test
  void labelsComeFromTheSettings(@TempDir Path folder) throws Exception {
    Path numbered =
        changed(
            folder,
            c -> {
              c.remove("id2label");
              c.put("num_labels", 3);
            });
    try (Model m = Models.open(numbered)) {
      assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), TextClassifier.of(m).labels());
      assertTrue(((ClassifierModel) m).classifier() instanceof BertClassifier);
    }
    Path gap = changed(folder, c -> c.putObject("id2label").put("0", "a").put("2", "b"));
    var e = assertThrows(FormatException.class, () -> Models.open(gap));
    assertTrue(e.getMessage().contains("0 to 1"), e.getMessage());
    Path few = changed(folder, c -> c.putObject("id2label").put("0", "a").put("1", "b"));
    var shape = assertThrows(FormatException.class, () -> Models.open(few));
    assertTrue(shape.getMessage().contains("classifier.weight"), shape.getMessage());
    Path several = changed(folder, c -> c.put("problem_type", "multi_label_classification"));
    var many = assertThrows(NotSupportedException.class, () -> Models.open(several));
    assertTrue(many.getMessage().contains("multi_label"), many.getMessage());
  }

  @Test
  void aNewClassifierIsTrainedAndOpened(@TempDir Path folder) {
    ModelShape shape =
        new ModelShape(
            40, 16, 2, 2, 2, 32, 24, true, ModelShape.Head.CLASSES, List.of("a", "b", "c"));
    try (Engine engine = Engines.of("reference", Precision.EXACT)) {
      NewModel.write(engine, folder, "bert", shape, WeightInitializer.normal(0.02, 4), 7);
      int[] ids = {1, 5, 9, 2, 1, 7, 2, 0};
      float[] trained;
      try (FamilyModel own = FamilyModel.open(engine, folder);
          TensorScope _ = TensorScope.open()) {
        assertTrue(own.parameters().containsKey("classifier.weight"));
        assertTrue(own.parameters().containsKey("bert.pooler.dense.bias"));
        Map<String, Tensor> batch =
            Map.of(
                "input_ids",
                engine.tensor(ids, 2, 4),
                "attention_mask",
                engine.tensor(new int[] {1, 1, 1, 1, 1, 1, 1, 0}, 2, 4));
        Tensor logits = own.forward(batch, TrainingMode.NONE).get("logits");
        assertEquals("[2, 3]", logits.shape().toString());
        trained = logits.toFloats();
        Tensor seed = engine.tensor(new long[] {3, 0});
        Tensor dropped = own.forward(batch, TrainingMode.dropout(0.5, seed)).get("logits");
        assertTrue(Golden.maxError(dropped.toFloats(), trained) > 1e-3);
      }
      try (Model open = Models.open(folder, ModelOptions.of(engine).withoutTokenizer());
          TensorScope _ = TensorScope.open()) {
        Map<String, Tensor> inputs =
            Map.of("tokens", engine.tensor(ids, 2, 4), "lengths", engine.tensor(new int[] {4, 3}));
        float[] logits = open.infer(inputs).get("logits").toFloats();
        assertTrue(Golden.maxError(logits, trained) < 1e-6, Arrays.toString(logits));
        assertEquals(List.of("a", "b", "c"), ((ClassifierModel) open).classifier().labels());
      }
    }
  }
}
