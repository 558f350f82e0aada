package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.ContextLengthException;
import dev.quern.transformer.decode.FinishReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TasksTest {
  private static Model llama;
  private static Model bert;

  @BeforeAll
  static void open() {
    llama = Models.open(Golden.of("llama/hf"));
    bert = Models.open(Golden.of("bert/hf"));
  }

  @AfterAll
  static void close() {
    llama.close();
    bert.close();
  }

  @Test
  void textGenerationFromJsonToJson() {
    TextGenerator generator = TextGenerator.of(llama);
    var request = TextGenerator.Request.fromJson("{\"text\":\"The quern\",\"maxTokens\":90}");
    var response = generator.generate(request);
    assertEquals(
        " stands by the door. One stone lies still, and one stone turns.", response.text());
    assertEquals(FinishReason.STOP, response.finishReason());
    assertEquals(35, response.tokens().size());
    String json = response.toJson();
    assertTrue(json.startsWith("{\"text\":\" stands by the door."), json);
    assertTrue(json.endsWith("],\"finishReason\":\"stop\"}"), json);
    assertEquals(response, TextGenerator.Response.fromJson(json));
    assertEquals("{\"text\":\"The quern\",\"maxTokens\":90}", request.toJson());
    assertEquals(request, TextGenerator.Request.fromJson(request.toJson()));
  }

  @Test
  void everyParameterOfGenerationHasItsPlaceInJson() {
    String json =
        "{\"text\":\"The quern\",\"frequencyPenalty\":0.1,\"ignoreEnd\":true,"
            + "\"logitBias\":{\"5\":-1.5},\"maxTokens\":4,\"minP\":0.01,\"parseSpecial\":false,\"presencePenalty\":0.2,"
            + "\"repetitionPenalty\":1.1,\"repetitionWindow\":8,\"seed\":3,"
            + "\"stop\":[\"xyz\"],\"temperature\":0.7,\"topK\":9,\"topLogProbabilities\":2,"
            + "\"topP\":0.9}";
    var request = TextGenerator.Request.fromJson(json);
    assertEquals(json, request.toJson());
    TextGenerator generator = TextGenerator.of(llama);
    assertEquals(
        request.parameters().keySet(), generator.signature().resolve(Map.of()).asMap().keySet());
    var response = generator.generate(request);
    assertEquals(4, response.tokens().size());
    assertEquals(FinishReason.LENGTH, response.finishReason());
    assertEquals(response, generator.generate(request));
  }

  @Test
  void specialTokensInAPromptAreParsedUnlessForbidden() {
    var model = (CausalLanguageModel) llama;
    int end = model.tokenizer().vocabulary().endOfGeneration().iterator().next();
    String spelling = model.tokenizer().vocabulary().text(end);
    String text = "The quern" + spelling;
    int[] parsed = model.encodePrompt(text, true);
    int[] plain = model.encodePrompt(text, false);
    assertEquals(end, parsed[parsed.length - 1]);
    assertEquals(1, IntStream.of(parsed).filter(t -> t == end).count());
    assertEquals(0, IntStream.of(plain).filter(t -> t == end).count());
    assertTrue(plain.length > parsed.length, spelling);
    assertEquals(parsed[0], plain[0], "both begin as the model wants");
    TextGenerator g = TextGenerator.of(llama);
    Map<String, Object> few = Map.of("maxTokens", 4, "ignoreEnd", true);
    var said = g.generate(new TextGenerator.Request(text, few));
    var explicit =
        g.generate(
            new TextGenerator.Request(
                text, Map.of("maxTokens", 4, "ignoreEnd", true, "parseSpecial", true)));
    var forbidden =
        g.generate(
            new TextGenerator.Request(
                text, Map.of("maxTokens", 4, "ignoreEnd", true, "parseSpecial", false)));
    assertEquals(explicit, said);
    assertNotEquals(forbidden.tokens(), said.tokens());
  }

  @Test
  void streamingPartsAreTheTextAndCanStop() {
    TextGenerator generator = TextGenerator.of(llama);
    StringBuilder parts = new StringBuilder();
    var whole =
        generator.generate(
            TextGenerator.Request.of("The miller’s"),
            t -> {
              parts.append(t.text());
              return true;
            });
    assertEquals(whole.text(), parts.toString());
    List<Integer> seen = new ArrayList<>();
    var cancelled =
        generator.generate(
            TextGenerator.Request.of("The miller’s"),
            t -> {
              seen.add(t.id());
              return seen.size() < 3;
            });
    assertEquals(FinishReason.CANCELLED, cancelled.finishReason());
    assertEquals(seen, cancelled.tokens());
    assertEquals(seen, whole.tokens().subList(0, 3));
  }

  @Test
  void wrongGenerationRequestsNameTheField() {
    TextGenerator g = TextGenerator.of(llama);
    field("maxTokens", () -> g.generate(new TextGenerator.Request("a", Map.of("maxTokens", 0))));
    field("topP", () -> g.generate(new TextGenerator.Request("a", Map.of("topP", 2))));
    field("colour", () -> g.generate(new TextGenerator.Request("a", Map.of("colour", 2))));
    field(
        "logitBias",
        () -> g.generate(new TextGenerator.Request("a", Map.of("logitBias", Map.of(320, 1)))));
    field("stop", () -> g.generate(new TextGenerator.Request("a", Map.of("stop", List.of("")))));
    field("text", () -> TextGenerator.Request.fromJson("{\"maxTokens\":3}"));
    field("text", () -> TextGenerator.Request.fromJson("{\"text\":3}"));
    field("seed", () -> TextGenerator.Request.fromJson("{\"text\":\"a\",\"seed\":null}"));
    field("", () -> TextGenerator.Request.fromJson("[]"));
    field("", () -> TextGenerator.Request.fromJson("{\"text\":\"a\",\"text\":\"b\"}"));
    field("", () -> TextGenerator.Request.fromJson("{\"text\":\"a\"} x"));
    field("", () -> TextGenerator.Request.fromJson(""));
    field(
        "finishReason",
        () ->
            TextGenerator.Response.fromJson(
                "{\"text\":\"a\",\"tokens\":[1],\"finishReason\":\"bored\"}"));
    field(
        "tokens",
        () ->
            TextGenerator.Response.fromJson(
                "{\"text\":\"a\",\"tokens\":[1.5],\"finishReason\":\"stop\"}"));
    field(
        "extra",
        () -> TextGenerator.Response.fromJson("{\"text\":\"a\",\"extra\":1,\"tokens\":[]}"));
    String longText = "the door ".repeat(200);
    assertThrows(
        ContextLengthException.class, () -> g.generate(TextGenerator.Request.of(longText)));
  }

  private static void field(String name, Runnable what) {
    FieldException e = assertThrows(FieldException.class, what::run);
    assertEquals(name, e.field(), e.getMessage());
  }

  @Test
  void embeddingIsTheMeanOrTheFirstState() {
    TextEmbedder embedder = TextEmbedder.of(bert);
    var mean = embedder.embed(TextEmbedder.Request.of("the quern turns"));
    int[] tokens = TextEmbedder.tokens((EncoderModel) bert, "the quern turns");
    assertEquals(tokens.length, mean.tokens());
    assertEquals(32, mean.embedding().size());
    float[] hidden;
    try (TensorScope _ = TensorScope.open("test")) {
      Tensor input = ((EncoderModel) bert).engine().tensor(tokens, 1, tokens.length);
      hidden = bert.infer(Map.of("tokens", input)).get("hidden").toFloats();
    }
    var cls =
        embedder
            .embed(new TextEmbedder.Request("the quern turns", Map.of("pooling", "cls")))
            .embedding();
    var unit =
        embedder
            .embed(new TextEmbedder.Request("the quern turns", Map.of("normalized", true)))
            .embedding();
    double norm = 0;
    for (int i = 0; i < 32; i++) {
      double sum = 0;
      for (int t = 0; t < tokens.length; t++) {
        sum += hidden[t * 32 + i];
      }
      assertEquals(sum / tokens.length, mean.embedding().get(i), 1e-5);
      assertEquals(hidden[i], cls.get(i), 1e-6);
      norm += Math.pow(mean.embedding().get(i), 2);
    }
    for (int i = 0; i < 32; i++) {
      assertEquals(mean.embedding().get(i) / Math.sqrt(norm), unit.get(i), 1e-5);
    }
    var json = "{\"text\":\"the quern turns\",\"normalized\":true,\"pooling\":\"cls\"}";
    var request = TextEmbedder.Request.fromJson(json);
    assertEquals(json, request.toJson());
    var response = embedder.embed(request);
    assertEquals(response, TextEmbedder.Response.fromJson(response.toJson()));
    field("pooling", () -> embedder.embed(new TextEmbedder.Request("a", Map.of("pooling", "max"))));
    field("logits", () -> embedder.embed(new TextEmbedder.Request("a", Map.of("logits", true))));
    field("text", () -> embedder.embed(TextEmbedder.Request.of("the ".repeat(100))));
    field(
        "embedding", () -> TextEmbedder.Response.fromJson("{\"embedding\":[\"a\"],\"tokens\":1}"));
  }

  @Test
  void paddingDoesNotChangeAPooledVector() {
    try (TensorScope _ = TensorScope.open("test")) {
      var engine = ((EncoderModel) bert).engine();
      Tensor alone = engine.tensor(new int[] {2, 50, 45, 3}, 1, 4);
      Tensor padded = engine.tensor(new int[] {2, 50, 45, 3, 0, 0, 2, 9, 8, 7, 6, 3}, 2, 6);
      Tensor lengths = engine.tensor(new int[] {4, 6});
      float[] a = bert.infer(Map.of("tokens", alone)).get("pooled").toFloats();
      float[] b = bert.infer(Map.of("tokens", padded, "lengths", lengths)).get("pooled").toFloats();
      for (int i = 0; i < a.length; i++) {
        assertEquals(a[i], b[i], 1e-5);
      }
      assertNotEquals(b[0], b[32]);
      field(
          "lengths",
          () -> bert.infer(Map.of("tokens", padded, "lengths", engine.tensor(new int[] {0, 6}))));
    }
  }

  @Test
  void masksAreFilledInOrder() {
    MaskFiller filler = MaskFiller.of(bert);
    var response = filler.fill(MaskFiller.Request.of("the [MASK] turns and the [MASK]"));
    assertEquals(2, response.masks().size());
    for (List<MaskFiller.Fill> mask : response.masks()) {
      assertEquals(5, mask.size());
      for (int i = 1; i < 5; i++) {
        assertTrue(mask.get(i - 1).probability() >= mask.get(i).probability());
      }
    }
    var all = filler.fill(new MaskFiller.Request("a [MASK]", Map.of("top", 160)));
    double sum = 0;
    for (MaskFiller.Fill f : all.masks().getFirst()) {
      sum += f.probability();
    }
    assertEquals(1, sum, 1e-6);
    assertEquals(response, MaskFiller.Response.fromJson(response.toJson()));
    var request = MaskFiller.Request.fromJson("{\"text\":\"a [MASK]\",\"top\":2}");
    assertEquals("{\"text\":\"a [MASK]\",\"top\":2}", request.toJson());
    assertEquals(2, filler.fill(request).masks().getFirst().size());
    field("text", () -> filler.fill(MaskFiller.Request.of("no mask")));
    field("top", () -> filler.fill(new MaskFiller.Request("[MASK]", Map.of("top", 161))));
    field("masks", () -> MaskFiller.Response.fromJson("{\"masks\":[1]}"));
    field("id", () -> MaskFiller.Response.fromJson("{\"masks\":[[{\"token\":\"a\"}]]}"));
  }

  @Test
  void aTaskThatAModelIsNotForIsRefused() {
    for (Runnable r :
        List.<Runnable>of(
            () -> TextGenerator.of(bert),
            () -> TextEmbedder.of(llama),
            () -> MaskFiller.of(llama))) {
      var e = assertThrows(NotSupportedException.class, r::run);
      assertTrue(e.getMessage().contains("open a"), e.getMessage());
    }
  }

  @Test
  void theSignaturesOfAllTasksGoThroughJson() {
    for (Signature s :
        List.of(
            TextGenerator.of(llama).signature(),
            TextEmbedder.of(bert).signature(),
            MaskFiller.of(bert).signature())) {
      assertEquals(s, Signature.fromJson(s.toJson()));
    }
  }

  @Test
  void aViewEndsWithItsModel() {
    Model model = Models.open(Golden.of("llama/llama-F32.gguf"));
    TextGenerator generator = TextGenerator.of(model);
    model.close();
    assertThrows(
        ScopeClosedException.class, () -> generator.generate(TextGenerator.Request.of("a")));
  }
}
