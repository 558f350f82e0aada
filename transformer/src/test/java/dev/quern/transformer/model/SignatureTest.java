package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SignatureTest {
  private static final Axis BATCH = Axis.of("batch");
  private static final Port TOKENS =
      Port.indices("tokens", "Ids.", BATCH, Axis.upTo("length", 128));
  private static final Port LOGITS =
      Port.of("logits", "F32", "Scores.", BATCH, Axis.fixed("vocabulary", 10));
  private static final Parameter TOP = Parameter.integer("top", 3, 1, 10, "How many.");
  private static final Signature OLD =
      new Signature(List.of(TOKENS), List.of(LOGITS), List.of(TOP));

  private static void compatible(Signature newer, String... notes) {
    Compatibility c = Compatibility.of(OLD, newer);
    assertTrue(c.compatible(), c.explain());
    assertEquals(List.of(notes), c.notes());
    assertTrue(c.explain().startsWith("compatible"));
  }

  private static void incompatible(Signature newer, String problem) {
    Compatibility c = Compatibility.of(OLD, newer);
    assertFalse(c.compatible());
    assertEquals(List.of(problem), c.problems());
    assertTrue(c.explain().contains(problem));
  }

  private static Signature inputs(Port... ports) {
    return new Signature(List.of(ports), List.of(LOGITS), List.of(TOP));
  }

  private static Signature outputs(Port... ports) {
    return new Signature(List.of(TOKENS), List.of(ports), List.of(TOP));
  }

  private static Signature parameters(Parameter... parameters) {
    return new Signature(List.of(TOKENS), List.of(LOGITS), List.of(parameters));
  }

  @Test
  void wideningIsCompatible() {
    compatible(OLD);
    compatible(inputs(Port.indices("tokens", "Ids.", BATCH, Axis.upTo("length", 256))));
    Port types = Port.indices("types", "Types.", BATCH);
    compatible(inputs(TOKENS, types.asOptional()), "optional input 'types' was added");
    compatible(inputs(TOKENS.asOptional()));
    Port more = Port.of("hidden", "F32", "States.", BATCH);
    compatible(outputs(LOGITS, more), "output 'hidden' was added");
    compatible(parameters(Parameter.integer("top", 3, 0, 20, "")));
    compatible(
        parameters(Parameter.number("top", 3, 1, 10, "")),
        "parameter 'top' had the default 3 and has 3.0");
    compatible(parameters(TOP, Parameter.flag("fast", false, "")), "parameter 'fast' was added");
    compatible(
        parameters(Parameter.integer("top", 4, 1, 10, "")),
        "parameter 'top' had the default 3 and has 4");
  }

  @Test
  void narrowingIsNot() {
    incompatible(inputs(), "input 'tokens' is gone");
    incompatible(
        inputs(Port.indices("tokens", "Ids.", BATCH, Axis.upTo("length", 64))),
        "input 'tokens' had axis length<=128 and has length<=64");
    incompatible(
        inputs(Port.of("tokens", "I64", "Ids.", BATCH, Axis.upTo("length", 128))),
        "input 'tokens' no longer takes I32");
    incompatible(
        inputs(Port.indices("tokens", "Ids.", BATCH)),
        "input 'tokens' was I32|I64 [batch, length<=128] and is I32|I64 [batch]");
    incompatible(
        inputs(TOKENS, Port.indices("types", "Types.", BATCH)),
        "input 'types' was added and is not optional");
    incompatible(outputs(), "output 'logits' is gone");
    incompatible(
        outputs(LOGITS.asOptional()), "output 'logits' was always there and may be missing now");
    incompatible(
        outputs(Port.of("logits", "F16", "", BATCH, Axis.fixed("vocabulary", 10))),
        "output 'logits' may be F16 now");
    incompatible(
        outputs(Port.of("logits", "F32", "", BATCH, Axis.fixed("vocabulary", 11))),
        "output 'logits' had axis vocabulary=10 and has vocabulary=11");
    incompatible(parameters(), "parameter 'top' is gone");
    incompatible(
        parameters(Parameter.integer("top", 3, 2, 10, "")),
        "parameter 'top' had the range 1..10 and has 2..10");
    Compatibility type = Compatibility.of(OLD, parameters(Parameter.flag("top", true, "")));
    assertTrue(type.problems().contains("parameter 'top' was INTEGER and is BOOLEAN"));
    Signature free = parameters(Parameter.choice("mode", "a", List.of("a", "b"), ""));
    Signature fewer = parameters(Parameter.choice("mode", "a", List.of("a"), ""));
    assertTrue(Compatibility.of(fewer, free).compatible());
    assertFalse(Compatibility.of(free, fewer).compatible());
  }

  @Test
  void parametersResolveToTheirTypes() {
    Signature s =
        parameters(
            TOP,
            Parameter.number("p", 0.5, 0, 1, ""),
            Parameter.empty("stop", Parameter.Type.TEXTS, ""),
            Parameter.empty("bias", Parameter.Type.WEIGHTS, ""));
    ParameterValues v =
        s.resolve(
            Map.of("top", 5.0, "p", 1, "stop", List.of("a"), "bias", Map.of("7", 1, 8, -2.5)));
    assertEquals(5, v.integer("top"));
    assertEquals(1.0, v.number("p"));
    assertEquals(List.of("a"), v.texts("stop"));
    assertEquals(Map.of(7, 1.0, 8, -2.5), v.weights("bias"));
    assertEquals(3, s.resolve(Map.of()).int32("top"));
    assertThrows(FieldException.class, () -> s.resolve(Map.of("top", 11)));
    assertThrows(FieldException.class, () -> s.resolve(Map.of("top", Double.NaN)));
    assertThrows(FieldException.class, () -> s.resolve(Map.of("bias", Map.of("x", 1))));
    assertThrows(FieldException.class, () -> s.resolve(Map.of("stop", List.of(1))));
    assertThrows(FieldException.class, () -> v.flag("top"));
  }

  @Test
  void brokenDescriptionsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> inputs(TOKENS, TOKENS));
    assertThrows(IllegalArgumentException.class, () -> new Axis("a", 3, 2));
    assertThrows(FieldException.class, () -> Parameter.integer("top", 11, 1, 10, ""));
    assertThrows(
        FieldException.class,
        () ->
            new ModelCard(
                "a",
                "one",
                "llama",
                Task.TEXT_GENERATION,
                null,
                null,
                Map.of(),
                ModelCard.Lineage.NONE));
    assertThrows(FieldException.class, () -> Task.of("cooking"));
  }
}
