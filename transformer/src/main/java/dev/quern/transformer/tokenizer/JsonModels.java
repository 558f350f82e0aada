package dev.quern.transformer.tokenizer;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The models of a {@code tokenizer.json}, without their vocabulary, which is read before. */
final class JsonModels {
  private JsonModels() {}

  /** The kind of a model; files of older versions don't name it. */
  static String type(JsonPlace model) {
    JsonPlace type = model.needObject().find("type");
    if (type != null) {
      return type.text();
    }
    return model.find("merges") != null ? "BPE" : "WordPiece";
  }

  /** Reads a model over a vocabulary. */
  static PieceModel read(JsonPlace model, Vocabulary vocabulary, boolean spellsBytes) {
    String type = type(model);
    return switch (type) {
      case "BPE" -> bpe(model, vocabulary, spellsBytes);
      case "WordPiece" ->
          new WordPieceModel(
              vocabulary,
              unknown(model, vocabulary, "[UNK]"),
              "",
              model.text("continuing_subword_prefix", "##"),
              model.integer("max_input_chars_per_word", 100));
      default ->
          throw model.unsupported(
              "models of the kind "
                  + Malformed.quote(type)
                  + " are not supported yet; known are BPE, WordPiece");
    };
  }

  private static int unknown(JsonPlace model, Vocabulary vocabulary, String fallback) {
    String text = model.text("unk_token", fallback);
    int id = vocabulary.id(text);
    if (id < 0) {
      throw Malformed.at(
          model.source(), model.path() + ".unk_token", Malformed.quote(text) + " is no token");
    }
    return id;
  }

  /** Whether a model may take pieces as they are and spell their bytes by itself. */
  static boolean canSpellBytes(JsonPlace model, Vocabulary vocabulary) {
    if (!type(model).equals("BPE")
        || model.bool("byte_fallback", false)
        || !model.text("continuing_subword_prefix", "").isEmpty()
        || !model.text("end_of_word_suffix", "").isEmpty()) {
      return false;
    }
    for (int b = 0; b < 256; b++) {
      boolean inText = b < 0xF5 && b != 0xC0 && b != 0xC1;
      if (inText && vocabulary.id(String.valueOf(ByteLevelAlphabet.charOf(b))) < 0) {
        return false;
      }
    }
    return true;
  }

  private static PieceModel bpe(JsonPlace model, Vocabulary vocabulary, boolean spellsBytes) {
    JsonPlace dropout = model.find("dropout");
    if (dropout != null && dropout.node().asDouble() != 0) {
      throw dropout.unsupported("dropout is not supported: it would make the ids random");
    }
    String prefix = model.text("continuing_subword_prefix", "");
    PairTable merges = merges(model.need("merges"), vocabulary, prefix.length());
    int unknown =
        model.find("unk_token") == null ? Vocabulary.NONE : unknown(model, vocabulary, "");
    BpeModel.Settings settings =
        new BpeModel.Settings(
            spellsBytes,
            model.bool("ignore_merges", false),
            model.bool("byte_fallback", false),
            unknown,
            model.bool("fuse_unk", false),
            false,
            prefix,
            model.text("end_of_word_suffix", ""));
    return new BpeModel(vocabulary, merges, settings, marksLead(model));
  }

  private static PairTable merges(JsonPlace place, Vocabulary vocabulary, int prefixLength) {
    List<JsonPlace> elements = place.elements();
    if (elements.isEmpty() || elements.getFirst().node().isTextual()) {
      @Nullable String[] lines = new @Nullable String[elements.size()];
      for (int i = 0; i < lines.length; i++) {
        lines[i] = elements.get(i).text();
      }
      return Merges.read(place.source(), place.path(), vocabulary, lines, prefixLength);
    }
    PairTable table = new PairTable(elements.size());
    for (int rank = 0; rank < elements.size(); rank++) {
      List<JsonPlace> pair = elements.get(rank).elements();
      if (pair.size() != 2) {
        throw elements.get(rank).wrong("two tokens");
      }
      String left = pair.get(0).text();
      String right = pair.get(1).text();
      String result = left + right.substring(Math.min(prefixLength, right.length()));
      Merges.add(
          place.source(),
          place.path(),
          table,
          rank,
          left + " " + right,
          vocabulary.id(left),
          vocabulary.id(right),
          vocabulary.id(result));
    }
    return table;
  }

  /** Whether the parts that merges join never have a mark after another character. */
  private static boolean marksLead(JsonPlace model) {
    @Nullable String[] joined =
        model.need("merges").elements().stream()
            .map(
                merge ->
                    merge.node().isTextual()
                        ? merge.text().replace(" ", "")
                        : merge.node().path(0).asText() + merge.node().path(1).asText())
            .toArray(String[]::new);
    return SpaceMarks.onlyLead(joined);
  }
}
