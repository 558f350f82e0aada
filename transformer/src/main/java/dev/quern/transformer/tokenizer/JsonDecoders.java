package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.StreamingDecoder.StageFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The decoders of a {@code tokenizer.json}, as stages over bytes. */
final class JsonDecoders {
  private final List<StageFactory> stages = new ArrayList<>();
  private boolean fused;

  private JsonDecoders() {}

  /** Reads a decoder; null is the one that puts a space between tokens. */
  static StageFactory read(@Nullable JsonPlace place) {
    JsonDecoders reader = new JsonDecoders();
    if (place == null) {
      reader.each((bytes, isFirst) -> isFirst ? bytes : concat(" ", bytes));
    } else {
      reader.add(place);
    }
    List<StageFactory> stages = List.copyOf(reader.stages);
    return (options, last) -> {
      DecodeStage stage = last;
      for (int i = stages.size() - 1; i >= 0; i--) {
        stage = stages.get(i).open(options, stage);
      }
      return stage;
    };
  }

  private interface Change {
    byte[] apply(byte[] bytes, boolean isFirst);
  }

  private void each(Change change) {
    stages.add(
        (options, last) ->
            new DecodeStage.EachToken(last, !options.continuation()) {
              @Override
              byte[] change(byte[] bytes, boolean isFirst) {
                return change.apply(bytes, isFirst);
              }
            });
  }

  private void eachText(UnaryOperator<String> change) {
    each((bytes, isFirst) -> utf8(change.apply(text(bytes))));
  }

  private void add(JsonPlace place) {
    String type = place.needObject().text("type");
    if (fused && !type.equals("Strip") && !type.equals("Fuse") && !type.equals("Sequence")) {
      throw place.unsupported(
          "the decoder " + Malformed.quote(type) + " after Fuse is not supported yet");
    }
    switch (type) {
      case "Sequence" -> place.need("decoders").elements().forEach(this::add);
      case "ByteLevel" -> each((bytes, isFirst) -> ByteLevelAlphabet.decode(text(bytes)));
      case "ByteFallback" ->
          each((bytes, isFirst) -> bytes.length == 6 ? Merges.byteOf(text(bytes), bytes) : bytes);
      case "Fuse" -> fused = true;
      case "Replace" -> addReplace(place);
      case "Strip" -> addStrip(place);
      case "Metaspace" -> {
        String mark = place.text("replacement", String.valueOf(Unicode.SPACE_MARK));
        boolean prepended = !JsonPreTokenizers.prependScheme(place).equals("never");
        each((bytes, isFirst) -> utf8(text(bytes).replace(mark, isFirst && prepended ? "" : " ")));
      }
      case "WordPiece" -> addWordPiece(place);
      case "BPEDecoder" -> {
        String suffix = place.text("suffix", "</w>");
        stages.add((options, last) -> new EndSuffix(last, suffix));
      }
      default ->
          throw place.unsupported("the decoder " + Malformed.quote(type) + " is not supported yet");
    }
  }

  private void addReplace(JsonPlace place) {
    String content = place.text("content");
    JsonPlace pattern = place.need("pattern").needObject();
    JsonPlace literal = pattern.find("String");
    if (literal == null) {
      throw pattern.unsupported("a decoder that replaces by a pattern is not supported yet");
    }
    String wanted = literal.text();
    if (!wanted.isEmpty()) {
      eachText(text -> text.replace(wanted, content));
    }
  }

  private void addStrip(JsonPlace place) {
    String content = place.text("content");
    int start = place.integer("start", 0);
    int stop = place.integer("stop", 0);
    if (content.length() != 1 || content.charAt(0) >= 128) {
      throw place.unsupported("stripping anything but one ASCII character is not supported yet");
    }
    byte c = (byte) content.charAt(0);
    if (!fused) {
      each((bytes, isFirst) -> strip(bytes, c, start, stop));
      return;
    }
    stages.add(
        (options, last) -> {
          DecodeStage stage = stop > 0 ? new DecodeStage.StripEnd(last, c, stop) : last;
          return start > 0 && !options.continuation()
              ? new DecodeStage.StripStart(stage, c, start)
              : stage;
        });
  }

  private static byte[] strip(byte[] bytes, byte c, int start, int stop) {
    int from = 0;
    while (from < bytes.length && from < start && bytes[from] == c) {
      from++;
    }
    int to = bytes.length;
    while (to > from && bytes.length - to < stop && bytes[to - 1] == c) {
      to--;
    }
    return Arrays.copyOfRange(bytes, from, to);
  }

  private void addWordPiece(JsonPlace place) {
    String prefix = place.text("prefix", "##");
    boolean cleanup = place.bool("cleanup", true);
    each(
        (bytes, isFirst) -> {
          String text = text(bytes);
          if (!isFirst) {
            text = text.startsWith(prefix) ? text.substring(prefix.length()) : " " + text;
          }
          return utf8(cleanup ? cleanup(text) : text);
        });
  }

  private static String cleanup(String text) {
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" do not", " don't")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }

  /** A suffix that ends a word: a space, but nothing at the end of the text. */
  private static final class EndSuffix extends DecodeStage {
    private final DecodeStage next;
    private final String suffix;
    private @Nullable String held;

    EndSuffix(DecodeStage next, String suffix) {
      this.next = next;
      this.suffix = suffix;
    }

    @Override
    void token(byte[] bytes) {
      if (held != null) {
        next.token(utf8(held.replace(suffix, " ")));
      }
      held = text(bytes);
    }

    @Override
    void finish() {
      if (held != null) {
        next.token(utf8(held.replace(suffix, "")));
      }
      next.finish();
    }
  }

  private static byte[] concat(String before, byte[] bytes) {
    return utf8(before + text(bytes));
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
