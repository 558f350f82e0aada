package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The post-processors of a {@code tokenizer.json}: what they put around one sequence. */
final class JsonPostProcessors {
  private final List<Integer> before = new ArrayList<>();
  private final List<Integer> after = new ArrayList<>();

  private JsonPostProcessors() {}

  /** The ids before and after a sequence. */
  record Frame(List<Integer> before, List<Integer> after) {}

  /** Reads a post-processor; null is the one that adds nothing. */
  static Frame read(@Nullable JsonPlace place, Vocabulary vocabulary) {
    JsonPostProcessors reader = new JsonPostProcessors();
    if (place != null) {
      reader.add(place, vocabulary);
    }
    return new Frame(List.copyOf(reader.before), List.copyOf(reader.after));
  }

  private void add(JsonPlace place, Vocabulary vocabulary) {
    String type = place.needObject().text("type");
    switch (type) {
      case "Sequence" -> place.need("processors").elements().forEach(step -> add(step, vocabulary));
      case "ByteLevel" -> {
        // It trims offsets, which aren't kept here.
      }
      case "BertProcessing", "RobertaProcessing" -> {
        before.addFirst(pair(place.need("cls"), vocabulary));
        after.addLast(pair(place.need("sep"), vocabulary));
      }
      case "TemplateProcessing" -> template(place, vocabulary);
      default ->
          throw place.unsupported(
              "the post-processor " + Malformed.quote(type) + " is not supported yet");
    }
  }

  /** A token written as its text and its id. */
  private static int pair(JsonPlace place, Vocabulary vocabulary) {
    List<JsonPlace> parts = place.elements();
    if (parts.size() != 2) {
      throw place.wrong("a token and its id");
    }
    return checked(parts.get(1), vocabulary);
  }

  private static int checked(JsonPlace place, Vocabulary vocabulary) {
    int id = place.integer();
    if (id < 0 || id >= vocabulary.size()) {
      throw place.wrong("an id below " + vocabulary.size());
    }
    return id;
  }

  private void template(JsonPlace place, Vocabulary vocabulary) {
    List<Integer> left = new ArrayList<>();
    List<Integer> right = new ArrayList<>();
    boolean sequence = false;
    JsonPlace specials = place.need("special_tokens").needObject();
    for (JsonPlace part : place.need("single").elements()) {
      JsonPlace special = part.needObject().find("SpecialToken");
      if (special == null) {
        String id = part.need("Sequence").needObject().text("id");
        if (sequence || !id.equals("A")) {
          throw part.wrong("the sequence A once");
        }
        sequence = true;
        continue;
      }
      String name = special.needObject().text("id");
      JsonNode found = specials.node().get(name);
      if (found == null) {
        throw special.wrong("a token that special_tokens has");
      }
      JsonPlace token =
          new JsonPlace(specials.source(), specials.path() + "." + name, found).needObject();
      for (JsonPlace id : token.need("ids").elements()) {
        (sequence ? right : left).add(checked(id, vocabulary));
      }
    }
    if (!sequence) {
      throw place.need("single").wrong("the sequence A once");
    }
    before.addAll(0, left);
    after.addAll(right);
  }
}
