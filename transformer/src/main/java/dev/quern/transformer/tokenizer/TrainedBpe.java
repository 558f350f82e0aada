package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.io.AtomicFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A vocabulary that {@link BpeTrainer} has learnt.
 *
 * @param tokens by id; bytes are spelled by the printable characters of a byte-level vocabulary
 * @param merges in the order in which they were learnt, which is their rank
 * @param specialTokens those of the tokens that steer a model, rather than being text
 * @param pattern what cuts a text into pieces; null for GPT-2's
 */
public record TrainedBpe(
    List<String> tokens, List<Merge> merges, List<String> specialTokens, @Nullable String pattern) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /**
   * Two tokens that become one.
   *
   * @param left the first
   * @param right the second
   */
  public record Merge(String left, String right) {}

  /** Copies the lists. */
  public TrainedBpe {
    tokens = List.copyOf(tokens);
    merges = List.copyOf(merges);
    specialTokens = List.copyOf(specialTokens);
  }

  /**
   * The tokenizer as a {@code tokenizer.json} of Hugging Face's tokenizers library, which {@link
   * Tokenizers#fromJson} reads too.
   *
   * @return JSON over several lines
   */
  public String toJson() {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    for (String special : specialTokens) {
      added
          .addObject()
          .put("id", tokens.indexOf(special))
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    root.putNull("normalizer");
    root.set("pre_tokenizer", preTokenizer());
    root.putNull("post_processor");
    root.set("decoder", byteLevel(true));
    root.set("model", model());
    try {
      return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree is always written", e);
    }
  }

  private ObjectNode preTokenizer() {
    if (pattern == null) {
      return byteLevel(true);
    }
    ObjectNode sequence = MAPPER.createObjectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", pattern);
    split.put("behavior", "Isolated").put("invert", false);
    steps.add(byteLevel(false));
    return sequence;
  }

  private static ObjectNode byteLevel(boolean regex) {
    return MAPPER
        .createObjectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", regex);
  }

  private ObjectNode model() {
    ObjectNode model = MAPPER.createObjectNode().put("type", "BPE");
    model.putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocab.put(tokens.get(id), id);
    }
    ArrayNode list = model.putArray("merges");
    for (Merge merge : merges) {
      list.addArray().add(merge.left).add(merge.right);
    }
    return model;
  }

  /**
   * Writes {@link #toJson()} to a file, as a whole or not at all.
   *
   * @param file usually called {@code tokenizer.json}
   * @throws java.io.UncheckedIOException if that fails; an older file is left as it was
   */
  public void write(Path file) {
    byte[] bytes = toJson().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }
}
