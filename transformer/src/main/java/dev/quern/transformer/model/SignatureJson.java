package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The canonical JSON form of signatures; {@link Signature#toJson} describes it. */
final class SignatureJson {
  private static final Set<String> SIGNATURE = Set.of("inputs", "outputs", "parameters");
  private static final Set<String> PORT =
      Set.of("name", "types", "axes", "optional", "description");
  private static final Set<String> AXIS = Set.of("name", "min", "max");
  private static final Set<String> PARAMETER =
      Set.of("name", "type", "default", "min", "max", "choices", "description");

  private SignatureJson() {}

  static String write(Signature s) {
    ObjectNode node = Json.object();
    ports(s.inputs(), node.putArray("inputs"));
    ports(s.outputs(), node.putArray("outputs"));
    ArrayNode parameters = node.putArray("parameters");
    s.parameters().forEach(p -> parameter(p, parameters.addObject()));
    return Json.write(node);
  }

  private static void ports(List<Port> ports, ArrayNode to) {
    for (Port p : ports) {
      ObjectNode node = to.addObject().put("name", p.name());
      p.types().forEach(node.putArray("types")::add);
      ArrayNode axes = node.putArray("axes");
      for (Axis a : p.axes()) {
        ObjectNode axis = axes.addObject().put("name", a.name()).put("min", a.min());
        if (a.max() != Long.MAX_VALUE) {
          axis.put("max", a.max());
        }
      }
      node.put("optional", p.optional()).put("description", p.description());
    }
  }

  private static void parameter(Parameter p, ObjectNode node) {
    node.put("name", p.name()).put("type", p.type().jsonName());
    Object value = p.defaultValue();
    Json.put(node, Map.of("default", value instanceof Map<?, ?> m ? new TreeMap<>(m) : value));
    if (p.type().isNumeric()) {
      Json.putFinite(node, "min", p.min());
      Json.putFinite(node, "max", p.max());
    }
    if (!p.choices().isEmpty()) {
      p.choices().forEach(node.putArray("choices")::add);
    }
    node.put("description", p.description());
  }

  static Signature read(String json) {
    ObjectNode node = Json.read(json, SIGNATURE);
    try {
      return new Signature(
          ports(node, "inputs"),
          ports(node, "outputs"),
          Json.objects(node, "parameters", PARAMETER).stream()
              .map(SignatureJson::parameter)
              .toList());
    } catch (IllegalArgumentException e) {
      throw new FieldException("field", "", "must be a signature: " + e.getMessage());
    }
  }

  private static List<Port> ports(ObjectNode node, String field) {
    List<Port> ports = new ArrayList<>();
    for (ObjectNode p : Json.objects(node, field, PORT)) {
      List<Axis> axes =
          Json.objects(p, "axes", AXIS).stream()
              .map(
                  a ->
                      new Axis(
                          Json.text(a, "name"),
                          Json.longInteger(a, "min"),
                          a.has("max") ? Json.longInteger(a, "max") : Long.MAX_VALUE))
              .toList();
      ports.add(
          new Port(
              Json.text(p, "name"),
              Json.texts(p, "types"),
              axes,
              Json.flag(p, "optional"),
              Json.text(p, "description")));
    }
    return ports;
  }

  private static Parameter parameter(ObjectNode p) {
    Parameter.Type type = Parameter.Type.of(Json.text(p, "type"));
    JsonNode value = Json.need(p, "default", "the value taken if none is given");
    return new Parameter(
        Json.text(p, "name"),
        type,
        Json.value("default", value),
        bound(p, "min", type, Double.NEGATIVE_INFINITY),
        bound(p, "max", type, Double.POSITIVE_INFINITY),
        p.has("choices") ? Json.texts(p, "choices") : List.of(),
        Json.text(p, "description"));
  }

  private static double bound(ObjectNode p, String field, Parameter.Type type, double otherwise) {
    if (p.has(field)) {
      return Json.number(p, field);
    }
    return type.isNumeric() ? otherwise : 0;
  }
}
