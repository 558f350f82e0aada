package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Cards and signatures in JSON, there and back. */
class DescriptionJsonTest {
  private static final ModelCard CARD =
      new ModelCard(
          "Miller \"7\"",
          "1.2.3-rc.1",
          "llama",
          Task.TEXT_GENERATION,
          "Apache-2.0",
          "grain",
          Map.of("perplexity", 5.25, "accuracy", 1e-3),
          new ModelCard.Lineage("base", List.of("b", "a"), "sha256:00"));
  private static final String CARD_JSON =
      "{\"name\":\"Miller \\\"7\\\"\",\"version\":\"1.2.3-rc.1\",\"family\":\"llama\","
          + "\"task\":\"text-generation\",\"licence\":\"Apache-2.0\",\"trainingData\":\"grain\","
          + "\"metrics\":{\"accuracy\":0.001,\"perplexity\":5.25},"
          + "\"lineage\":{\"base\":\"base\",\"adapters\":[\"b\",\"a\"],\"parentHash\":\"sha256:00\"}}";
  private static final String BARE_CARD =
      "{\"name\":\"m\",\"version\":\"1.0.0\",\"family\":\"bert\",\"task\":\"mask-filling\"";

  private static final Axis BATCH = Axis.of("batch");
  private static final Signature SIGNATURE =
      new Signature(
          List.of(
              Port.indices("tokens", "Ids.", BATCH, Axis.upTo("length", 128)),
              Port.of("text", Port.TEXT, "A text.").asOptional()),
          List.of(Port.of("logits", "F32", "Scores.", BATCH, Axis.fixed("vocabulary", 10))),
          List.of(
              Parameter.integer("top", 3, 1, 10, "How many."),
              Parameter.integer("seed", -1, Long.MIN_VALUE, Long.MAX_VALUE, "Chance."),
              Parameter.number("p", 0.5, 0, 1, "Mass."),
              Parameter.number("scale", 2, Double.NEGATIVE_INFINITY, 1e300, "Any."),
              Parameter.flag("fast", true, "Hurry."),
              Parameter.choice("pooling", "cls", List.of("mean", "cls"), "Which."),
              new Parameter("stop", Parameter.Type.TEXTS, List.of("\n"), 0, 0, List.of(), "Ends."),
              new Parameter(
                  "bias",
                  Parameter.Type.WEIGHTS,
                  Map.of(10, -1.5, 9, 2.0),
                  0,
                  0,
                  List.of(),
                  "Added.")));
  private static final String SIGNATURE_JSON =
      "{\"inputs\":[{\"name\":\"tokens\",\"types\":[\"I32\",\"I64\"],\"axes\":"
          + "[{\"name\":\"batch\",\"min\":1},{\"name\":\"length\",\"min\":1,\"max\":128}],"
          + "\"optional\":false,\"description\":\"Ids.\"},"
          + "{\"name\":\"text\",\"types\":[\"TEXT\"],\"axes\":[],"
          + "\"optional\":true,\"description\":\"A text.\"}],"
          + "\"outputs\":[{\"name\":\"logits\",\"types\":[\"F32\"],\"axes\":"
          + "[{\"name\":\"batch\",\"min\":1},{\"name\":\"vocabulary\",\"min\":10,\"max\":10}],"
          + "\"optional\":false,\"description\":\"Scores.\"}],"
          + "\"parameters\":[{\"name\":\"top\",\"type\":\"integer\",\"default\":3,"
          + "\"min\":1,\"max\":10,\"description\":\"How many.\"},"
          + "{\"name\":\"seed\",\"type\":\"integer\",\"default\":-1,"
          + "\"min\":-9.223372036854776E18,\"max\":9.223372036854776E18,"
          + "\"description\":\"Chance.\"},"
          + "{\"name\":\"p\",\"type\":\"number\",\"default\":0.5,\"min\":0,\"max\":1,"
          + "\"description\":\"Mass.\"},"
          + "{\"name\":\"scale\",\"type\":\"number\",\"default\":2.0,\"max\":1.0E300,"
          + "\"description\":\"Any.\"},"
          + "{\"name\":\"fast\",\"type\":\"boolean\",\"default\":true,"
          + "\"description\":\"Hurry.\"},"
          + "{\"name\":\"pooling\",\"type\":\"text\",\"default\":\"cls\","
          + "\"choices\":[\"mean\",\"cls\"],\"description\":\"Which.\"},"
          + "{\"name\":\"stop\",\"type\":\"texts\",\"default\":[\"\\n\"],"
          + "\"description\":\"Ends.\"},"
          + "{\"name\":\"bias\",\"type\":\"weights\",\"default\":{\"9\":2.0,\"10\":-1.5},"
          + "\"description\":\"Added.\"}]}";

  private static void wrong(String field, Runnable reading) {
    FieldException e = assertThrows(FieldException.class, reading::run);
    assertEquals(field, e.field(), e.getMessage());
  }

  private static void wrongSignature(String field, String was, String is) {
    assertTrue(SIGNATURE_JSON.contains(was), was);
    wrong(field, () -> Signature.fromJson(SIGNATURE_JSON.replace(was, is)));
  }

  @Test
  void aCardGoesThereAndBack() {
    assertEquals(CARD_JSON, CARD.toJson());
    assertEquals(CARD, ModelCard.fromJson(CARD_JSON));
  }

  @Test
  void aCardMayLeaveOutWhatIsNotKnown() {
    ModelCard card = ModelCard.fromJson(BARE_CARD + "}");
    assertEquals(
        new ModelCard(
            "m", "1.0.0", "bert", Task.MASK_FILLING, null, null, Map.of(), ModelCard.Lineage.NONE),
        card);
    assertEquals(BARE_CARD + ",\"metrics\":{},\"lineage\":{\"adapters\":[]}}", card.toJson());
    assertEquals(card, ModelCard.fromJson(BARE_CARD + ",\"licence\":null}"));
  }

  @Test
  void wrongCardsNameTheField() {
    wrong("colour", () -> ModelCard.fromJson(BARE_CARD + ",\"colour\":1}"));
    wrong("parents", () -> ModelCard.fromJson(BARE_CARD + ",\"lineage\":{\"parents\":1}}"));
    wrong("lineage", () -> ModelCard.fromJson(BARE_CARD + ",\"lineage\":[]}"));
    wrong("adapters", () -> ModelCard.fromJson(BARE_CARD + ",\"lineage\":{\"adapters\":[1]}}"));
    wrong("metrics", () -> ModelCard.fromJson(BARE_CARD + ",\"metrics\":3}"));
    wrong("f1", () -> ModelCard.fromJson(BARE_CARD + ",\"metrics\":{\"f1\":\"good\"}}"));
    wrong("f1", () -> ModelCard.fromJson(BARE_CARD + ",\"metrics\":{\"f1\":1e999}}"));
    wrong("licence", () -> ModelCard.fromJson(BARE_CARD + ",\"licence\":7}"));
    wrong("name", () -> ModelCard.fromJson("{}"));
    wrong("version", () -> ModelCard.fromJson(BARE_CARD.replace("1.0.0", "one") + "}"));
    wrong("task", () -> ModelCard.fromJson(BARE_CARD.replace("mask-filling", "cooking") + "}"));
  }

  @Test
  void aSignatureGoesThereAndBack() {
    assertEquals(SIGNATURE_JSON, SIGNATURE.toJson());
    assertEquals(SIGNATURE, Signature.fromJson(SIGNATURE_JSON));
    Signature empty = new Signature(List.of(), List.of(), List.of());
    assertEquals("{\"inputs\":[],\"outputs\":[],\"parameters\":[]}", empty.toJson());
    assertEquals(empty, Signature.fromJson(empty.toJson()));
  }

  @Test
  void wrongSignaturesNameTheField() {
    wrong("outputs", () -> Signature.fromJson("{\"inputs\":[]}"));
    wrong("inputs", () -> Signature.fromJson("{\"inputs\":{},\"outputs\":[],\"parameters\":[]}"));
    wrong("inputs", () -> Signature.fromJson("{\"inputs\":[1],\"outputs\":[],\"parameters\":[]}"));
    wrongSignature("colour", "{\"inputs\"", "{\"colour\":1,\"inputs\"");
    wrongSignature("colour", "{\"name\":\"logits\"", "{\"colour\":1,\"name\":\"logits\"");
    wrongSignature("colour", "{\"name\":\"length\"", "{\"colour\":1,\"name\":\"length\"");
    wrongSignature("colour", "{\"name\":\"top\"", "{\"colour\":1,\"name\":\"top\"");
    wrongSignature("types", "\"types\":[\"F32\"]", "\"types\":[3]");
    wrongSignature("optional", "\"optional\":true", "\"optional\":1");
    wrongSignature("max", "\"max\":128", "\"max\":12.5");
    wrongSignature("type", "\"type\":\"boolean\"", "\"type\":\"bool\"");
    wrongSignature("default", "\"default\":3,", "");
    wrongSignature("default", "\"default\":3,", "\"default\":null,");
    wrongSignature("top", "\"default\":3,", "\"default\":11,");
    wrongSignature("top", "\"default\":3,", "\"default\":\"a\",");
    wrongSignature("pooling", "\"default\":\"cls\"", "\"default\":\"max\"");
    wrongSignature("", "\"max\":128", "\"max\":0");
    wrongSignature("", "\"name\":\"text\"", "\"name\":\"tokens\"");
    wrongSignature("", "\"min\":1,\"max\":10,", "\"min\":1,\"max\":0,");
    wrongSignature("", "\"default\":true,", "\"default\":true,\"max\":1,");
  }
}
