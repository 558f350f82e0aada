package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.decode.FinishReason;
import dev.quern.transformer.decode.GeneratedToken;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.families.Settings;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The task of continuing a text: {text} → {text, tokens, finishReason}. Safe to share between
 * threads; each call has a session of its own.
 *
 * <p>The text is a whole prompt, a chat template's special tokens included, so their spelling means
 * them. Whoever puts a stranger's words in sets {@code parseSpecial} to false, lest those words
 * contain such tokens.
 *
 * <p>Temperature, top-k, top-p and repetition penalty default to what the model's makers recommend
 * in {@code generation_config.json}; a model that has none, or does not sample, is greedy. {@code
 * quern generate} takes the same parameters and defaults, but samples only if it is told to.
 */
public final class TextGenerator {
  /** The default of {@code maxTokens}, where the model's context is not shorter. */
  public static final int DEFAULT_TOKENS = 256;

  private static final int MAX_TOP_LOG_PROBABILITIES = 20;
  private static final double MAX_TEMPERATURE = 100;

  /**
   * What is asked.
   *
   * @param text to be continued
   * @param parameters by name, as the signature says; those left out take their defaults
   */
  public record Request(String text, Map<String, Object> parameters) {
    private static final Set<String> FIELDS = Set.of("text");

    /** Copies the parameters. */
    public Request {
      parameters = Map.copyOf(parameters);
    }

    /**
     * A request with default parameters.
     *
     * @param text to be continued
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
      return new Request(Json.text(node, "text"), Json.parameters(node, FIELDS));
    }

    /**
     * Writes the canonical form.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object().put("text", text);
      Json.put(node, new java.util.TreeMap<>(parameters));
      return Json.write(node);
    }
  }

  /**
   * What came of it.
   *
   * @param text the continuation, without the prompt
   * @param tokens its ids, an end token included
   * @param finishReason why it ended
   */
  public record Response(String text, List<Integer> tokens, FinishReason finishReason) {
    /** Copies the list. */
    public Response {
      tokens = List.copyOf(tokens);
    }

    /**
     * Reads the canonical form.
     *
     * @param json an object
     * @return the response
     * @throws FieldException naming the field that is wrong
     */
    public static Response fromJson(String json) {
      ObjectNode node = Json.read(json, Set.of("text", "tokens", "finishReason"));
      String reason = Json.text(node, "finishReason");
      try {
        return new Response(
            Json.text(node, "text"), Json.integers(node, "tokens"), FinishReason.of(reason));
      } catch (IllegalArgumentException e) {
        throw new FieldException("field", "finishReason", "is '" + reason + "': " + e.getMessage());
      }
    }

    /**
     * Writes the canonical form.
     *
     * @return an object
     */
    public String toJson() {
      ObjectNode node = Json.object().put("text", text);
      tokens.forEach(node.putArray("tokens")::add);
      return Json.write(node.put("finishReason", finishReason.jsonName()));
    }
  }

  private final CausalLanguageModel model;
  private final Signature signature;
  private final Set<Integer> endTokens;

  private TextGenerator(CausalLanguageModel model) {
    this.model = model;
    this.endTokens = model.endTokens();
    this.signature = signature(model);
  }

  /**
   * The view of a model on this task.
   *
   * @param model a causal language model; it stays open while the view is used
   * @return the view
   * @throws NotSupportedException if the model is something else
   */
  public static TextGenerator of(Model model) {
    return new TextGenerator(CausalLanguageModel.of(model));
  }

  private static Signature signature(CausalLanguageModel model) {
    int context = model.decoder().dimensions().contextLength();
    Settings s = model.checkpoint().generationSettings();
    boolean sample = s.flag("do_sample", false);
    return new Signature(
        List.of(Port.of("text", Port.TEXT, "The text to continue.")),
        List.of(
            Port.of("text", Port.TEXT, "The continuation, without the prompt."),
            Port.of("tokens", "I32", "Its token ids.", new Axis("generated", 1, context)),
            Port.of("finishReason", Port.TEXT, "stop, length or cancelled.")),
        List.of(
            Parameter.integer(
                "maxTokens",
                Math.min(DEFAULT_TOKENS, context),
                1,
                context,
                "At most this many tokens."),
            Parameter.number(
                "temperature",
                sample ? s.number("temperature", 1) : 0,
                0,
                MAX_TEMPERATURE,
                "Divides the logits; 0 takes the likeliest token."),
            Parameter.integer(
                "topK",
                sample ? s.integer("top_k", 0) : 0,
                0,
                Integer.MAX_VALUE,
                "Keeps the k likeliest tokens; 0 for all."),
            Parameter.number(
                "topP",
                sample ? s.number("top_p", 1) : 1,
                Double.MIN_NORMAL,
                1,
                "Keeps the likeliest tokens until their probabilities reach p."),
            Parameter.number(
                "minP", 0, 0, 1, "Keeps tokens at least p times as likely as the likeliest."),
            Parameter.number(
                "repetitionPenalty",
                s.number("repetition_penalty", 1),
                Double.MIN_NORMAL,
                MAX_TEMPERATURE,
                "Makes tokens of prompt and output less likely; 1 for none."),
            Parameter.integer(
                "repetitionWindow",
                0,
                0,
                Integer.MAX_VALUE,
                "How many of the latest tokens that concerns; 0 for all."),
            Parameter.number(
                "frequencyPenalty", 0, -2, 2, "Taken off a logit for each time it was generated."),
            Parameter.number(
                "presencePenalty", 0, -2, 2, "Taken once off the logit of a generated token."),
            Parameter.empty(
                "logitBias", Parameter.Type.WEIGHTS, "Added to the logits of these tokens."),
            Parameter.integer(
                "seed", 0, Long.MIN_VALUE, Long.MAX_VALUE, "The same seed gives the same text."),
            Parameter.empty(
                "stop", Parameter.Type.TEXTS, "The text ends before the first of these."),
            Parameter.flag(
                "parseSpecial",
                true,
                "Whether the spelling of a special token in the text means that token; otherwise it"
                    + " is text like any other."),
            Parameter.flag("ignoreEnd", false, "Whether to go on after an end token."),
            Parameter.integer(
                "topLogProbabilities",
                0,
                0,
                MAX_TOP_LOG_PROBABILITIES,
                "How many of the likeliest tokens to report at each step of a stream; 0 for"
                    + " none.")));
  }

  /**
   * What goes in and comes out, and the parameters with their ranges and this model's defaults.
   *
   * @return the signature
   */
  public Signature signature() {
    return signature;
  }

  /**
   * Continues a text.
   *
   * @param request text and parameters
   * @return the continuation
   * @throws FieldException naming the parameter that is unknown or out of range
   * @throws dev.quern.transformer.decode.ContextLengthException if the text fills the context
   */
  public Response generate(Request request) {
    return generate(request, _ -> true);
  }

  /**
   * Continues a text and hands out each token as it comes.
   *
   * @param request text and parameters
   * @param eachToken told of every token; returns whether to go on
   * @return the continuation as far as it went
   * @throws FieldException naming the parameter that is unknown or out of range
   * @throws dev.quern.transformer.decode.ContextLengthException if the text fills the context
   */
  public Response generate(Request request, Predicate<GeneratedToken> eachToken) {
    return model.whileOpen(
        () -> {
          ParameterValues parameters = signature.resolve(request.parameters());
          GenerationOptions options = options(parameters);
          int[] prompt = model.encodePrompt(request.text(), parameters.flag("parseSpecial"));
          int context = model.decoder().dimensions().contextLength();
          int capacity = (int) Math.min(context, (long) prompt.length + options.maxTokens());
          try (Session session = model.openSession(1, capacity)) {
            Generation g = new Generation(session, model.tokenizer(), prompt, options);
            while (g.hasNext()) {
              if (!eachToken.test(g.next())) {
                g.cancel();
              }
            }
            FinishReason reason = g.finishReason();
            return new Response(
                g.text(),
                Arrays.stream(g.tokens()).boxed().toList(),
                reason == null ? FinishReason.CANCELLED : reason);
          }
        });
  }

  /**
   * Parameters as the decoder takes them.
   *
   * @param parameters by name; those left out take their defaults
   * @return the options
   * @throws FieldException naming the parameter that is unknown or out of range
   */
  public GenerationOptions options(Map<String, ?> parameters) {
    return options(signature.resolve(parameters));
  }

  private GenerationOptions options(ParameterValues p) {
    boolean ignoreEnd = p.flag("ignoreEnd");
    int vocabulary = model.decoder().dimensions().vocabulary();
    Map<Integer, Double> bias = p.weights("logitBias");
    for (int token : bias.keySet()) {
      if (token < 0 || token >= vocabulary) {
        throw new FieldException(
            "parameter",
            "logitBias",
            "names token " + token + "; tokens are 0.." + (vocabulary - 1));
      }
    }
    List<String> stops = p.texts("stop");
    if (stops.contains("")) {
      throw new FieldException("parameter", "stop", "contains an empty text; leave it out");
    }
    SamplingOptions sampling =
        new SamplingOptions(
            p.number("repetitionPenalty"),
            p.int32("repetitionWindow"),
            p.number("frequencyPenalty"),
            p.number("presencePenalty"),
            p.number("temperature"),
            p.int32("topK"),
            p.number("topP"),
            p.number("minP"),
            bias,
            p.integer("seed"));
    return new GenerationOptions(
        p.int32("maxTokens"),
        sampling,
        stops,
        ignoreEnd ? Set.of() : new HashSet<>(endTokens),
        ignoreEnd,
        p.int32("topLogProbabilities"));
  }
}
