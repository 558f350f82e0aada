package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.StreamingDecoder.DecodeChain;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A tokenizer as a row of steps: find added tokens, normalise what is between them, find those that
 * are written in normalised text, cut into pieces, encode the pieces, frame.
 *
 * @param vocabulary the tokens
 * @param finder finds tokens in the text as it is
 * @param normalizer changes the text between them; null if it stays
 * @param normalizedFinder finds tokens in the changed text
 * @param preTokenizer cuts into pieces
 * @param firstAfterToken whether a piece after a found token counts as the first of a text
 * @param model encodes a piece
 * @param before what {@link EncodeOptions#addSpecial} puts before
 * @param after what {@link EncodeOptions#addSpecial} puts after
 * @param decoding the way back
 */
record PipelineTokenizer(
    Vocabulary vocabulary,
    TokenFinder finder,
    @Nullable UnaryOperator<String> normalizer,
    TokenFinder normalizedFinder,
    PreTokenizer preTokenizer,
    boolean firstAfterToken,
    PieceModel model,
    List<Integer> before,
    List<Integer> after,
    DecodeChain decoding)
    implements Tokenizer {

  @Override
  public int[] encode(String text, EncodeOptions options) {
    Objects.requireNonNull(options, "options");
    char[] chars = Unicode.withoutLoneSurrogates(text.toCharArray());
    IntList out = new IntList();
    if (options.addSpecial()) {
      before.forEach(out::add);
    }
    Run run = new Run(options.parseSpecial(), model.encoder(), out);
    finder.split(chars, 0, chars.length, options.parseSpecial(), run);
    if (options.addSpecial()) {
      after.forEach(out::add);
    }
    return out.toArray();
  }

  @Override
  public byte[] decodeBytes(int[] ids, DecodeOptions options) {
    return streamingDecoder(options).bytes(ids);
  }

  @Override
  public StreamingDecoder streamingDecoder(DecodeOptions options) {
    return new StreamingDecoder(decoding, options);
  }

  @Override
  public String toString() {
    return "Tokenizer of " + vocabulary.size() + " tokens";
  }

  /** The state of one encoding. */
  private final class Run implements TokenFinder.Sink, PreTokenizer.Sink {
    private final boolean parseSpecial;
    private final PieceModel.Encoder encoder;
    private final IntList out;
    private boolean first = true;

    Run(boolean parseSpecial, PieceModel.Encoder encoder, IntList out) {
      this.parseSpecial = parseSpecial;
      this.encoder = encoder;
      this.out = out;
    }

    @Override
    public void text(char[] chars, int from, int to) {
      if (normalizer == null) {
        preTokenizer.split(chars, from, to, first, this);
      } else {
        String changed = normalizer.apply(new String(chars, from, to - from));
        char[] text = changed.toCharArray();
        boolean firstHere = first;
        normalizedFinder.split(
            text,
            0,
            text.length,
            parseSpecial,
            new TokenFinder.Sink() {
              @Override
              public void text(char[] c, int f, int t) {
                preTokenizer.split(c, f, t, firstHere && f == 0, Run.this);
              }

              @Override
              public void token(int id) {
                out.add(id);
              }
            });
      }
      first = false;
    }

    @Override
    public void token(int id) {
      out.add(id);
      first = firstAfterToken;
    }

    @Override
    public void piece(char[] chars, int from, int to, boolean isFirst) {
      encoder.encode(chars, from, to, out);
    }
  }
}
