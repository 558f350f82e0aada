package dev.quern.transformer.tokenizer;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * One step from token spellings to text, as bytes. A stage holds back what later tokens can still
 * change, and nothing else. For one thread.
 */
abstract class DecodeStage {
  static final byte[] NOTHING = new byte[0];

  /** Takes the next token, or whatever the stage before made of it. */
  abstract void token(byte[] bytes);

  /** There are no more tokens. */
  abstract void finish();

  /** The end of a chain. */
  static final class Last extends DecodeStage {
    private final Consumer<byte[]> consumer;

    Last(Consumer<byte[]> consumer) {
      this.consumer = consumer;
    }

    @Override
    void token(byte[] bytes) {
      consumer.accept(bytes);
    }

    @Override
    void finish() {}
  }

  /** A stage that changes tokens one by one. */
  abstract static class EachToken extends DecodeStage {
    private final DecodeStage next;
    private boolean first;

    /**
     * A stage.
     *
     * @param first whether the next token is the first of a text
     */
    EachToken(DecodeStage next, boolean first) {
      this.next = next;
      this.first = first;
    }

    abstract byte[] change(byte[] bytes, boolean isFirst);

    @Override
    final void token(byte[] bytes) {
      boolean isFirst = first;
      first = false;
      next.token(change(bytes, isFirst));
    }

    @Override
    final void finish() {
      next.finish();
    }
  }

  /** Removes up to some occurrences of a byte from the beginning of the text. */
  static final class StripStart extends DecodeStage {
    private final DecodeStage next;
    private final byte content;
    private int left;

    StripStart(DecodeStage next, byte content, int count) {
      this.next = next;
      this.content = content;
      this.left = count;
    }

    @Override
    void token(byte[] bytes) {
      int from = 0;
      while (left > 0 && from < bytes.length && bytes[from] == content) {
        from++;
        left--;
      }
      if (from < bytes.length) {
        left = 0;
      }
      next.token(from == 0 ? bytes : Arrays.copyOfRange(bytes, from, bytes.length));
    }

    @Override
    void finish() {
      next.finish();
    }
  }

  /** Removes up to some occurrences of a byte from the end of the text. */
  static final class StripEnd extends DecodeStage {
    private final DecodeStage next;
    private final byte content;
    private final int count;
    private int held;

    StripEnd(DecodeStage next, byte content, int count) {
      this.next = next;
      this.content = content;
      this.count = count;
    }

    @Override
    void token(byte[] bytes) {
      int end = bytes.length;
      while (end > 0 && bytes[end - 1] == content) {
        end--;
      }
      if (end > 0) {
        release(held);
        next.token(Arrays.copyOf(bytes, end));
        held = 0;
      }
      held += bytes.length - end;
    }

    @Override
    void finish() {
      release(Math.max(held - count, 0));
      next.finish();
    }

    private void release(int n) {
      byte[] bytes = new byte[n];
      Arrays.fill(bytes, content);
      next.token(bytes);
    }
  }

  /**
   * Takes out the spaces that a word-piece vocabulary leaves before punctuation and in
   * contractions: before {@code ? ! . ,}; around a lone apostrophe; before {@code 's 'm 're 've}.
   */
  static final class CleanSpaces extends DecodeStage {
    private final DecodeStage next;
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();
    private byte last;

    CleanSpaces(DecodeStage next) {
      this.next = next;
    }

    @Override
    void token(byte[] bytes) {
      // What is before a space is settled, unless that space and the one before it enclose an
      // apostrophe.
      for (byte b : bytes) {
        if (b == ' ' && held.size() > 0 && last != ' ' && last != '\'') {
          release();
        }
        held.write(b);
        last = b;
      }
    }

    @Override
    void finish() {
      release();
      next.finish();
    }

    private void release() {
      byte[] text = held.toByteArray();
      held.reset();
      next.token(contractions(apostrophes(punctuation(text))));
    }

    private static byte[] punctuation(byte[] t) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(t.length);
      for (int i = 0; i < t.length; i++) {
        boolean drop = t[i] == ' ' && i + 1 < t.length && "?!.,".indexOf(t[i + 1]) >= 0;
        if (!drop) {
          out.write(t[i]);
        }
      }
      return out.toByteArray();
    }

    private static byte[] apostrophes(byte[] t) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(t.length);
      for (int i = 0; i < t.length; i++) {
        if (t[i] == ' ' && i + 2 < t.length && t[i + 1] == '\'' && t[i + 2] == ' ') {
          out.write('\'');
          i += 2;
        } else {
          out.write(t[i]);
        }
      }
      return out.toByteArray();
    }

    private static byte[] contractions(byte[] t) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(t.length);
      for (int i = 0; i < t.length; i++) {
        if (!(t[i] == ' ' && i + 2 < t.length && t[i + 1] == '\'' && contracts(t, i + 2))) {
          out.write(t[i]);
        }
      }
      return out.toByteArray();
    }

    private static boolean contracts(byte[] t, int at) {
      if (t[at] == 's' || t[at] == 'm') {
        return true;
      }
      return (t[at] == 'r' || t[at] == 'v') && at + 1 < t.length && t[at + 1] == 'e';
    }
  }
}
