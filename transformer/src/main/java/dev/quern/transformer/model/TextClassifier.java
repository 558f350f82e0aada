package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The task of saying which label a text has: {text} → {label, score}. Safe to share between
 * threads.
 */
public final class TextClassifier {
  /**
   * What is asked.
   *
   * @param text to be classified
   * @param parameters {@code scores}: whether to give the score of every label
   */
  public record Request(String text, Map<String, Object> parameters) {
    /** Copies the parameters. */
    public Request {
      parameters = Map.copyOf(parameters);
    }

    /**
     * A request with default parameters.
     *
     * @param text to be classified
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
   * @param label the likeliest label
   * @param score its probability
   * @param scores of all labels, in the model's order, if they were asked for; else none
   */
  public record Response(String label, double score, Map<String, Double> scores) {
    /** Copies the scores in their order. */
    public Response {
      scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }

    /**
     * Reads the canonical form.
     *
     * @param json an object
     * @return the response
     * @throws FieldException naming the field that is wrong
     */
    public static Response fromJson(String json) {
      ObjectNode node = Json.read(json, Set.of("label", "score", "scores"));
      Map<String, Double> scores = new LinkedHashMap<>();
      if (node.has("scores")) {
        ObjectNode all = Json.object("scores", node.path("scores"));
        all.fieldNames().forEachRemaining(name -> scores.put(name, Json.number(all, name)));
      }
      return new Response(Json.text(node, "label"), Json.number(node, "score"), scores);
    }

    /**
     * Writes the canonical form: {@code {label, score}}, and {@code scores: {label: score}} if
     * there are any.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object().put("label", label).put("score", score);
      if (!scores.isEmpty()) {
        scores.forEach(node.putObject("scores")::put);
      }
      return Json.write(node);
    }
  }

  private final ClassifierModel model;
  private final Signature signature;

  private TextClassifier(ClassifierModel model) {
    this.model = model;
    int labels = model.classifier().labels().size();
    this.signature =
        new Signature(
            List.of(Port.of("text", Port.TEXT, "The text to classify.")),
            List.of(
                Port.of("label", Port.TEXT, "The likeliest label."),
                Port.of("score", "F32", "Its probability."),
                Port.of(
                        "scores",
                        "F32",
                        "The probability of each label; given if asked for.",
                        Axis.fixed("labels", labels))
                    .asOptional()),
            List.of(Parameter.flag("scores", false, "Whether to give the score of every label.")));
  }

  /**
   * The view of a model on this task.
   *
   * @param model a classifier of sequences; it stays open while the view is used
   * @return the view
   * @throws NotSupportedException if the model is something else
   */
  public static TextClassifier of(Model model) {
    if (model instanceof ClassifierModel m) {
      return new TextClassifier(m);
    }
    throw new NotSupportedException(
        "model '"
            + model.card().name()
            + "' is for "
            + model.card().task().jsonName()
            + " and can't classify text; open a classifier, such as a"
            + " BertForSequenceClassification");
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
   * The labels there are.
   *
   * @return in the model's order
   */
  public List<String> labels() {
    return model.classifier().labels();
  }

  /**
   * Classifies a text.
   *
   * @param request text and parameters
   * @return its label
   * @throws FieldException naming the parameter that is unknown or wrong, or {@code text} if it has
   *     too many tokens
   */
  public Response classify(Request request) {
    boolean all = signature.resolve(request.parameters()).flag("scores");
    return model.whileOpen(
        () -> {
          int[] tokens = tokens(request.text());
          try (TensorScope _ = TensorScope.open("classify")) {
            Map<String, Tensor> inputs =
                Map.of("tokens", model.engine().tensor(tokens, 1, tokens.length));
            return response(TextEmbedder.output(model.infer(inputs), "probabilities"), all);
          }
        });
  }

  private int[] tokens(String text) {
    int[] tokens = model.tokenizer().encode(text, EncodeOptions.ADD_SPECIAL);
    int most = model.classifier().dimensions().contextLength();
    if (tokens.length == 0 || tokens.length > most) {
      throw new FieldException(
          "field", "text", "has " + tokens.length + " tokens; it must have 1.." + most);
    }
    return tokens;
  }

  private Response response(Tensor probabilities, boolean all) {
    float[] scores = probabilities.toFloats();
    int best = 0;
    Map<String, Double> byLabel = new LinkedHashMap<>();
    for (int i = 0; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
      if (all) {
        byLabel.put(labels().get(i), (double) scores[i]);
      }
    }
    return new Response(labels().get(best), scores[best], byLabel);
  }
}
