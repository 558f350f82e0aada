package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.decode.LogProbabilities;
import dev.quern.transformer.tokenizer.SpecialRole;
import dev.quern.transformer.tokenizer.Vocabulary;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The task of filling masked words in: {text} → {masks}, for each mask of the text the likeliest
 * tokens. Safe to share between threads.
 */
public final class MaskFiller {
  private static final int DEFAULT_TOP = 5;
  private static final int MAX_TOP = 1000;

  /**
   * What is asked.
   *
   * @param text with at least one mask token, spelled as the vocabulary does ({@code [MASK]})
   * @param parameters {@code top}: how many tokens per mask
   */
  public record Request(String text, Map<String, Object> parameters) {
    /** Copies the parameters. */
    public Request {
      parameters = Map.copyOf(parameters);
    }

    /**
     * A request with default parameters.
     *
     * @param text with at least one mask token
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
   * A token for a mask.
   *
   * @param id the token
   * @param token as the vocabulary spells it
   * @param probability of the model
   */
  public record Fill(int id, String token, double probability) {}

  /**
   * What came of it.
   *
   * @param masks for each mask, in the order of the text, the likeliest tokens, best first
   */
  public record Response(List<List<Fill>> masks) {
    /** Copies the lists. */
    public Response {
      masks = masks.stream().map(List::copyOf).toList();
    }

    /**
     * Reads the canonical form.
     *
     * @param json an object
     * @return the response
     * @throws FieldException naming the field that is wrong
     */
    public static Response fromJson(String json) {
      ObjectNode node = Json.read(json, Set.of("masks"));
      List<List<Fill>> masks = new ArrayList<>();
      for (JsonNode mask : Json.list(node, "masks")) {
        if (!mask.isArray()) {
          throw new FieldException("field", "masks", "must be a list of lists, got " + mask);
        }
        List<Fill> fills = new ArrayList<>();
        for (JsonNode f : mask) {
          fills.add(
              new Fill(
                  Json.integer(f, "id"), Json.text(f, "token"), Json.number(f, "probability")));
        }
        masks.add(fills);
      }
      return new Response(masks);
    }

    /**
     * Writes the canonical form.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object();
      ArrayNode all = node.putArray("masks");
      for (List<Fill> mask : masks) {
        ArrayNode fills = all.addArray();
        for (Fill f : mask) {
          fills.addObject().put("id", f.id).put("token", f.token).put("probability", f.probability);
        }
      }
      return Json.write(node);
    }
  }

  private final EncoderModel model;
  private final int mask;
  private final Signature signature;

  private MaskFiller(EncoderModel model, int mask) {
    this.model = model;
    this.mask = mask;
    int vocabulary = model.encoder().dimensions().vocabulary();
    int context = model.encoder().dimensions().contextLength();
    this.signature =
        new Signature(
            List.of(Port.of("text", Port.TEXT, "A text with mask tokens.")),
            List.of(
                Port.of(
                    "masks",
                    "I32",
                    "The likeliest tokens for each mask, with their probabilities.",
                    Axis.upTo("maskCount", context),
                    Axis.upTo("top", MAX_TOP))),
            List.of(
                Parameter.integer(
                    "top",
                    Math.min(DEFAULT_TOP, vocabulary),
                    1,
                    Math.min(MAX_TOP, vocabulary),
                    "How many tokens per mask.")));
  }

  /**
   * The view of a model on this task.
   *
   * @param model an encoder with a masked-language head and a mask token; it stays open while the
   *     view is used
   * @return the view
   * @throws NotSupportedException if the model is something else
   */
  public static MaskFiller of(Model model) {
    if (model instanceof EncoderModel m && m.encoder().hasLogits()) {
      int mask = m.tokenizer().vocabulary().id(SpecialRole.MASK);
      if (mask != Vocabulary.NONE) {
        return new MaskFiller(m, mask);
      }
    }
    throw new NotSupportedException(
        "model '"
            + model.card().name()
            + "' is for "
            + model.card().task().jsonName()
            + " and can't fill masks; open an encoder with a masked-language head and a mask"
            + " token, such as a BertForMaskedLM");
  }

  /**
   * What goes in and comes out, and the parameters.
   *
   * @return the signature
   */
  public Signature signature() {
    return signature;
  }

  /**
   * Fills the masks of a text.
   *
   * @param request text and parameters
   * @return the likeliest tokens for each mask
   * @throws FieldException naming the parameter that is unknown or out of range, or {@code text} if
   *     it has no mask or too many tokens
   */
  public Response fill(Request request) {
    int top = signature.resolve(request.parameters()).int32("top");
    return model.whileOpen(
        () -> {
          int[] tokens = TextEmbedder.tokens(model, request.text());
          List<List<Fill>> masks = new ArrayList<>();
          try (TensorScope _ = TensorScope.open("fill mask")) {
            Map<String, Tensor> inputs =
                Map.of("tokens", model.engine().tensor(tokens, 1, tokens.length));
            Tensor logits =
                TextEmbedder.output(model.infer(inputs, Map.of("logits", true)), "logits");
            for (int i = 0; i < tokens.length; i++) {
              if (tokens[i] == mask) {
                masks.add(fills(logits.select(0, 0).select(0, i).toFloats(), top));
              }
            }
          }
          if (masks.isEmpty()) {
            throw new FieldException(
                "field",
                "text",
                "has no mask; put " + model.tokenizer().vocabulary().text(mask) + " in it");
          }
          return new Response(masks);
        });
  }

  private List<Fill> fills(float[] logits, int top) {
    Vocabulary vocabulary = model.tokenizer().vocabulary();
    return LogProbabilities.of(logits, 0, top).top().stream()
        .map(e -> new Fill(e.id(), vocabulary.text(e.id()), Math.exp(e.logProbability())))
        .toList();
  }
}
