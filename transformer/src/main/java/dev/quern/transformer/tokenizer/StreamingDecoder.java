package dev.quern.transformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Function;

/**
 * Decodes ids one by one, and hands out text as soon as it is certain: never a part of a character,
 * and all parts together are what {@link Tokenizer#decode} gives for the whole. For one thread.
 *
 * <pre>{@code
 * StreamingDecoder decoder = tokenizer.streamingDecoder(DecodeOptions.CONTINUATION);
 * for (int id : generated) {
 *   System.out.print(decoder.push(id));
 * }
 * System.out.print(decoder.flush());
 * }</pre>
 */
public final class StreamingDecoder {
  private final DecodeChain chain;
  private final DecodeStage first;
  private final boolean keepSpecial;
  private byte[] pending = new byte[64];
  private int size;

  StreamingDecoder(DecodeChain chain, DecodeOptions options) {
    this.chain = chain;
    this.keepSpecial = options.keepSpecial();
    this.first = chain.open(options, new DecodeStage.Last(this::append));
  }

  /**
   * Takes the next id.
   *
   * @param id an id of the vocabulary
   * @return the text that is complete now, often empty
   * @throws IndexOutOfBoundsException for an id outside the vocabulary
   */
  public String push(int id) {
    feed(id);
    return take(completeLength());
  }

  /**
   * Ends the text.
   *
   * @return what is left of it; an unfinished character is U+FFFD
   */
  public String flush() {
    first.finish();
    return take(size);
  }

  private void feed(int id) {
    if (keepSpecial || !chain.isSkipped(id)) {
      first.token(chain.spelling(id));
    }
  }

  /** All bytes of some ids, by a decoder that is used for nothing else. */
  byte[] bytes(int[] ids) {
    for (int id : ids) {
      feed(id);
    }
    first.finish();
    return Arrays.copyOf(pending, size);
  }

  private void append(byte[] bytes) {
    if (pending.length - size < bytes.length) {
      pending = Arrays.copyOf(pending, Math.max(pending.length * 2, size + bytes.length));
    }
    System.arraycopy(bytes, 0, pending, size, bytes.length);
    size += bytes.length;
  }

  private String take(int length) {
    if (length == 0) {
      return "";
    }
    String text = new String(pending, 0, length, StandardCharsets.UTF_8);
    System.arraycopy(pending, length, pending, 0, size - length);
    size -= length;
    return text;
  }

  /** Length without a character at the end of which bytes may still be to come. */
  private int completeLength() {
    for (int back = 1; back <= 3 && back <= size; back++) {
      int b = pending[size - back] & 0xFF;
      if (b >= 0xC0) {
        int needed = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
        return needed > back && b <= 0xF4 ? size - back : size;
      }
      if (b < 0x80) {
        return size;
      }
    }
    return size;
  }

  /** How a tokenizer's tokens become bytes. */
  interface DecodeChain {
    /** Whether the token is left out of text. */
    boolean isSkipped(int id);

    /** What the first stage gets for a token. */
    byte[] spelling(int id);

    /** The stages, new ones, before a last one. */
    DecodeStage open(DecodeOptions options, DecodeStage last);

    /** A chain for a vocabulary, whose spelling and stages are given. */
    static DecodeChain of(
        Vocabulary vocabulary, Function<Integer, byte[]> spelling, StageFactory stages) {
      return new DecodeChain() {
        @Override
        public boolean isSkipped(int id) {
          return vocabulary.type(id).isSkippedInText();
        }

        @Override
        public byte[] spelling(int id) {
          return spelling.apply(id);
        }

        @Override
        public DecodeStage open(DecodeOptions options, DecodeStage last) {
          return stages.open(options, last);
        }
      };
    }
  }

  /** Makes the stages of a decoder. */
  interface StageFactory {
    DecodeStage open(DecodeOptions options, DecodeStage last);
  }
}
