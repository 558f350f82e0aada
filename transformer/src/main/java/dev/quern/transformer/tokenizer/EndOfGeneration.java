package dev.quern.transformer.tokenizer;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tokens that are known by their spelling: those that end a generation, and those that steer the
 * model although a file calls them ordinary text. Files seldom name them all by key.
 */
final class EndOfGeneration {
  private static final Set<String> ENDS =
      Set.of(
          "<|eot_id|>",
          "<|eom_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<|calls|>",
          "<|flush|>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<end_of_turn>",
          "<end_of_utterance>",
          "</s>",
          "<eos>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "[e~[",
          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>");

  /** Ends of a turn, the most telling first. */
  private static final List<String> TURN_ENDS =
      List.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
          "<end_of_utterance>");

  /** Fill-in-the-middle tokens: they steer, and those of the second set also end a generation. */
  private static final Set<String> INFILL =
      Set.of(
          "<|fim_prefix|>",
          "<fim-prefix>",
          "<fim_prefix>",
          "<\uFF5Cfim\u2581begin\uFF5C>",
          "<PRE>",
          "\u2581<PRE>",
          "<|code_prefix|>",
          "<|prefix|>",
          "<|fim_suffix|>",
          "<fim-suffix>",
          "<fim_suffix>",
          "<\uFF5Cfim\u2581hole\uFF5C>",
          "<SUF>",
          "\u2581<SUF>",
          "<|code_suffix|>",
          "<|suffix|>",
          "<|fim_middle|>",
          "<fim-middle>",
          "<fim_middle>",
          "<\uFF5Cfim\u2581end\uFF5C>",
          "<MID>",
          "\u2581<MID>",
          "<|code_middle|>",
          "<|middle|>");

  private static final Set<String> INFILL_ENDS =
      Set.of(
          "<|fim_pad|>",
          "<fim-pad>",
          "<fim_pad>",
          "<PAD>",
          "[PAD]",
          "<|fim_repo|>",
          "<|repo_name|>",
          "<fim-repo>",
          "<REPO>",
          "<reponame>",
          "<|file_sep|>");

  /** Spellings of the Harmony format that are always shown. */
  private static final Set<String> SHOWN =
      Set.of("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>");

  private EndOfGeneration() {}

  /** Whether a token of this spelling ends a generation. */
  static boolean isEnd(String spelling) {
    return ENDS.contains(spelling);
  }

  /**
   * Sets the types of tokens that are known by their spelling, fills the role of the end of a turn,
   * and returns the ids that end a generation.
   */
  static Set<Integer> detect(Vocabulary vocabulary, byte[] types, Map<SpecialRole, Integer> roles) {
    Set<Integer> ends = new HashSet<>();
    for (String spelling : TURN_ENDS) {
      int id = vocabulary.id(spelling);
      if (id >= 0 && !roles.containsKey(SpecialRole.EOT)) {
        roles.put(SpecialRole.EOT, id);
      }
    }
    for (SpecialRole role : new SpecialRole[] {SpecialRole.EOS, SpecialRole.EOT, SpecialRole.EOM}) {
      Integer id = roles.get(role);
      if (id != null) {
        ends.add(id);
      }
    }
    control(vocabulary, types, INFILL);
    for (int id : control(vocabulary, types, INFILL_ENDS)) {
      ends.add(id);
    }
    for (int id : control(vocabulary, types, ENDS)) {
      ends.add(id);
    }
    for (String spelling : SHOWN) {
      int id = vocabulary.id(spelling);
      if (id >= 0) {
        types[id] = TokenType.USER_DEFINED.code();
      }
    }
    // In the Harmony format a message may end and the generation go on.
    boolean called = has(vocabulary, "<|call|>") || has(vocabulary, "<|calls|>");
    int end = vocabulary.id("<|end|>");
    if (end >= 0 && called && (has(vocabulary, "<|return|>") || has(vocabulary, "<|flush|>"))) {
      ends.remove(end);
      types[end] = TokenType.USER_DEFINED.code();
    }
    return ends;
  }

  private static boolean has(Vocabulary vocabulary, String spelling) {
    return vocabulary.id(spelling) >= 0;
  }

  private static Set<Integer> control(Vocabulary vocabulary, byte[] types, Set<String> spellings) {
    Set<Integer> ids = new HashSet<>();
    for (String spelling : spellings) {
      int id = vocabulary.id(spelling);
      if (id >= 0) {
        types[id] = TokenType.CONTROL.code();
        ids.add(id);
      }
    }
    return ids;
  }
}
