package dev.quern.transformer.model;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.decode.ModelFile;
import dev.quern.transformer.decode.PagePool;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A decoder as a model: tokens in, logits out; and sessions for decoding. */
public final class CausalLanguageModel extends LoadedModel {
  private final Decoder decoder;
  private final DType cacheDType;
  private final Signature signature;
  private final ModelFile file;

  CausalLanguageModel(Parts parts, ModelCard card, Decoder decoder, DType cacheDType) {
    super(parts, card);
    this.decoder = decoder;
    this.cacheDType = cacheDType;
    this.file = new MappedModel(parts.checkpoint().tensors(), parts.engine().kernels());
    Decoder.Dimensions d = decoder.dimensions();
    Axis batch = Axis.of("batch");
    this.signature =
        new Signature(
            List.of(
                Port.indices(
                    "tokens", "Token ids.", batch, Axis.upTo("length", d.contextLength()))),
            List.of(
                Port.of(
                    "logits",
                    "F32",
                    "Scores of each token as the next one.",
                    batch,
                    Axis.upTo("positions", d.contextLength()),
                    Axis.fixed("vocabulary", d.vocabulary()))),
            List.of(
                Parameter.integer(
                    "lastPositions",
                    0,
                    0,
                    d.contextLength(),
                    "For how many of the last positions to give logits; 0 for all.")));
  }

  /**
   * A model as a generator of text.
   *
   * @param model an opened model
   * @return the same model
   * @throws NotSupportedException if it is something else
   */
  public static CausalLanguageModel of(Model model) {
    if (model instanceof CausalLanguageModel m) {
      return m;
    }
    throw new NotSupportedException(
        "model '"
            + model.card().name()
            + "' is for "
            + model.card().task().jsonName()
            + " and can't generate text; open a causal language model, such as a Llama");
  }

  @Override
  public Signature signature() {
    return signature;
  }

  /**
   * The network.
   *
   * @return the decoder; it ends with the model
   */
  public Decoder decoder() {
    return decoder;
  }

  /**
   * Opens a session for decoding; close it before the model.
   *
   * @param batch number of sequences
   * @param capacity how many tokens each sequence may have
   * @return the session, for one thread
   */
  public Session openSession(int batch, int capacity) {
    return openSession(SessionOptions.of(batch, capacity));
  }

  /**
   * Opens a session for decoding; close it before the model.
   *
   * @param options batch, capacity, cache; without a type of cache and a pool, the type that the
   *     model was opened with
   * @return the session, for one thread
   */
  public Session openSession(SessionOptions options) {
    boolean open = options.cacheDType() == null && options.pages() == null;
    SessionOptions whole = open ? options.withCache(cacheDType) : options;
    return whileOpen(() -> Session.open(engine(), decoder, whole, file));
  }

  /**
   * Opens a pool of pages of {@value PagePool#PAGE_SIZE} tokens that sessions of this model may
   * share, for keys and values of the type that the model was opened with; close it after them.
   *
   * @param pages how many
   * @return the pool, for any number of threads
   * @throws dev.quern.core.type.ShapeException if there is not at least 1 page
   * @throws dev.quern.core.type.DTypeException if heads are not whole blocks of that type
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public PagePool openPagePool(int pages) {
    return openPagePool(pages, PagePool.PAGE_SIZE);
  }

  /**
   * Opens a pool of pages that sessions of this model may share, for keys and values of the type
   * that the model was opened with; close it after them.
   *
   * @param pages how many
   * @param pageSize tokens of a page
   * @return the pool, for any number of threads
   * @throws dev.quern.core.type.ShapeException if pages or pageSize are not positive
   * @throws dev.quern.core.type.DTypeException if heads are not whole blocks of that type
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public PagePool openPagePool(int pages, int pageSize) {
    return whileOpen(
        () -> new PagePool(engine(), decoder.dimensions(), cacheDType, pages, pageSize));
  }

  /**
   * The end tokens that the settings name beside those of the tokenizer.
   *
   * @return token ids, ascending
   */
  public Set<Integer> endTokens() {
    Set<Integer> ends = new TreeSet<>(tokenizer().vocabulary().endOfGeneration());
    ends.addAll(checkpoint().endTokens());
    return ends;
  }

  /**
   * A prompt's tokens: those that the model wants before a text, and the text's own.
   *
   * @param text to be continued
   * @param parseSpecial whether the spelling of a special token, such as {@code <|im_start|>},
   *     means that token; otherwise it is text like any other
   * @return at least one token
   * @throws FieldException if there is none
   */
  public int[] encodePrompt(String text, boolean parseSpecial) {
    EncodeOptions options = parseSpecial ? EncodeOptions.SPECIAL : EncodeOptions.ADD_SPECIAL;
    int[] prompt = tokenizer().encode(text, options);
    if (prompt.length == 0) {
      throw new FieldException(
          "field", "text", "has no tokens, and this model has none to begin with; give some text");
    }
    return prompt;
  }

  @Override
  Map<String, Tensor> compute(Map<String, Tensor> inputs, ParameterValues parameters) {
    Tensor tokens = needed(inputs, "tokens");
    checkRange("tokens", tokens, 0, decoder.dimensions().vocabulary() - 1L);
    long length = tokens.shape().dim(1);
    long last = parameters.integer("lastPositions");
    long rows = last == 0 ? length : Math.min(last, length);
    Tensor hidden = decoder.forward(tokens, AttentionContext.whole(tokens), List.of());
    return Map.of("logits", decoder.logits(hidden.slice(1, length - rows, rows)));
  }
}
