package dev.quern.transformer.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * GGUF's name ({@code tokenizer.ggml.pre}) for the pre-tokenizer of a byte-level {@code
 * tokenizer.json}: {@link PreTokenizerPatterns}, the other way round, for the patterns that models
 * of the supported families come with.
 */
final class PreTokenizerNames {
  private static final String REST = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String WORD = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String SIGNS = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
  private static final String LLAMA3 = CONTRACTION + WORD + "|\\p{N}{1,3}" + SIGNS + REST;
  private static final String QWEN2 = CONTRACTION + WORD + "|\\p{N}" + SIGNS + REST;
  private static final String DIGITS = "one digit at a time";

  /** What splits, in order, and whether a piece that is a token needs no merges. */
  private record Steps(List<String> patterns, boolean ignoreMerges) {}

  private static final Map<Steps, String> NAMES =
      Map.of(
          new Steps(List.of(JsonPreTokenizers.GPT2), false), "gpt-2",
          new Steps(List.of(DIGITS, JsonPreTokenizers.GPT2), false), "starcoder",
          new Steps(List.of(LLAMA3), true), "llama-bpe",
          new Steps(List.of(LLAMA3), false), "dbrx",
          new Steps(List.of(QWEN2), false), "qwen2");

  private PreTokenizerNames() {}

  /** The name of a file's pre-tokenizer. */
  static String of(JsonPlace root, boolean ignoreMerges) {
    JsonPlace place = root.need("pre_tokenizer");
    List<String> patterns = new ArrayList<>();
    add(place, patterns);
    @Nullable String name = NAMES.get(new Steps(patterns, ignoreMerges));
    if (name == null) {
      throw place.unsupported(
          "GGUF names pre-tokenizers instead of describing them, and has no known name for this"
              + " one (ignore_merges "
              + ignoreMerges
              + "); known are those of gpt-2, starcoder, llama-bpe, dbrx and qwen2");
    }
    return name;
  }

  private static void add(JsonPlace place, List<String> patterns) {
    switch (place.needObject().text("type")) {
      case "Sequence" ->
          place.need("pretokenizers").elements().forEach(step -> add(step, patterns));
      case "ByteLevel" -> {
        if (place.bool("add_prefix_space", true)) {
          throw place.unsupported(
              "GGUF's byte-level BPE can't begin a text with a space; set add_prefix_space to"
                  + " false if the model was trained without");
        }
        if (place.bool("use_regex", true)) {
          patterns.add(JsonPreTokenizers.GPT2);
        }
      }
      case "Split" -> {
        JsonPlace regex = place.need("pattern").needObject().find("Regex");
        boolean plain = place.text("behavior").equals("Isolated") && !place.bool("invert", false);
        patterns.add(regex == null || !plain ? "another split" : regex.text());
      }
      case "Digits" -> patterns.add(place.bool("individual_digits", false) ? DIGITS : "digits");
      default -> patterns.add(place.text("type"));
    }
  }
}
