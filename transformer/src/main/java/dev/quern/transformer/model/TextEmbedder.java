package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The task of turning a text into a vector: {text} → {embedding, tokens}. Safe to share between
 * threads.
 */
public final class TextEmbedder {
  private static final List<String> PARAMETERS = List.of("pooling", "normalized");

  /**
   * What is asked.
   *
   * @param text to be embedded
   * @param parameters {@code pooling} (mean or cls) and {@code normalized}
   */
  public record Request(String text, Map<String, Object> parameters) {
    /** Copies the parameters. */
    public Request {
      parameters = Map.copyOf(parameters);
    }

    /**
     * A request with default parameters.
     *
     * @param text to be embedded
     * @return the request
     */
    public static Request of(String text) {
      return new Request(text, Map.of());
    }

    /**
     * Reads the canonical form: {@code text}, and the parameters beside it.
     *
     * @param json an object
     * @return the request; its parameters are checked when it is used
     * @throws FieldException naming the field that is wrong
     */
    public static Request fromJson(String json) {
      ObjectNode node = Json.read(json);
      return new Request(Json.text(node, "text"), Json.parameters(node, Set.of("text")));
    }

    /**
     * Writes the canonical form.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object().put("text", text);
      Json.put(node, new TreeMap<>(parameters));
      return Json.write(node);
    }
  }

  /**
   * What came of it.
   *
   * @param embedding the vector
   * @param tokens how many tokens the text had
   */
  public record Response(List<Float> embedding, int tokens) {
    /** Copies the list. */
    public Response {
      embedding = List.copyOf(embedding);
    }

    /**
     * Reads the canonical form.
     *
     * @param json an object
     * @return the response
     * @throws FieldException naming the field that is wrong
     */
    public static Response fromJson(String json) {
      ObjectNode node = Json.read(json, Set.of("embedding", "tokens"));
      List<Float> embedding = new ArrayList<>();
      for (JsonNode v : Json.list(node, "embedding")) {
        if (!v.isNumber()) {
          throw new FieldException("field", "embedding", "must be a list of numbers, got " + v);
        }
        embedding.add(v.floatValue());
      }
      return new Response(embedding, Json.integer(node, "tokens"));
    }

    /**
     * Writes the canonical form.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object();
      ArrayNode values = node.putArray("embedding");
      embedding.forEach(values::add);
      return Json.write(node.put("tokens", tokens));
    }
  }

  private final EncoderModel model;
  private final Signature signature;

  private TextEmbedder(EncoderModel model) {
    this.model = model;
    Signature s = model.signature();
    this.signature =
        new Signature(
            List.of(Port.of("text", Port.TEXT, "The text to embed.")),
            List.of(
                Port.of(
                    "embedding",
                    "F32",
                    "Its vector.",
                    Axis.fixed("dim", model.encoder().dimensions().dim())),
                Port.of("tokens", "I32", "How many tokens the text had.")),
            s.parameters().stream().filter(p -> PARAMETERS.contains(p.name())).toList());
  }

  /**
   * The view of a model on this task.
   *
   * @param model an encoder; it stays open while the view is used
   * @return the view
   * @throws NotSupportedException if the model is something else
   */
  public static TextEmbedder of(Model model) {
    if (model instanceof EncoderModel m) {
      return new TextEmbedder(m);
    }
    throw new NotSupportedException(
        "model '"
            + model.card().name()
            + "' is for "
            + model.card().task().jsonName()
            + " and can't embed text; open an encoder, such as a BERT");
  }

  /**
   * What goes in and comes out, and the parameters with this model's defaults.
   *
   * @return the signature
   */
  public Signature signature() {
    return signature;
  }

  /**
   * Embeds a text.
   *
   * @param request text and parameters
   * @return its vector
   * @throws FieldException naming the parameter that is unknown or wrong, or {@code text} if it has
   *     too many tokens
   */
  public Response embed(Request request) {
    Map<String, Object> parameters = signature.resolve(request.parameters()).asMap();
    return model.whileOpen(
        () -> {
          int[] tokens = tokens(model, request.text());
          try (TensorScope _ = TensorScope.open("embed")) {
            Map<String, Tensor> inputs = new LinkedHashMap<>();
            inputs.put("tokens", model.engine().tensor(tokens, 1, tokens.length));
            Tensor pooled = output(model.infer(inputs, parameters), "pooled");
            List<Float> embedding = new ArrayList<>();
            for (float x : pooled.toFloats()) {
              embedding.add(x);
            }
            return new Response(embedding, tokens.length);
          }
        });
  }

  /** A text's tokens with the model's own around them, refused if there are too many. */
  static int[] tokens(EncoderModel model, String text) {
    int[] tokens = model.tokenizer().encode(text, EncodeOptions.SPECIAL);
    int most = model.encoder().dimensions().contextLength();
    if (tokens.length == 0 || tokens.length > most) {
      throw new FieldException(
          "field", "text", "has " + tokens.length + " tokens; it must have 1.." + most);
    }
    return tokens;
  }

  static Tensor output(Map<String, Tensor> outputs, String name) {
    Tensor t = outputs.get(name);
    if (t == null) {
      throw new FieldException("output", name, "was not given by the model");
    }
    return t;
  }
}
