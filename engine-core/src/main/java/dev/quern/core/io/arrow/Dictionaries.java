package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Which values a dictionary has for a batch: those that stand before it. */
final class Dictionaries {
  private final ArrowBytes source;
  private final Blame blame;
  private final Map<Long, ArrowField> fields = new HashMap<>();
  private final Map<Long, List<ArrowIndex.Dictionary>> entries = new HashMap<>();
  private final Map<Long, ArrowColumn> read = new ConcurrentHashMap<>();

  Dictionaries(ArrowBytes source, Blame blame, ArrowIndex index) {
    this.source = source;
    this.blame = blame;
    index.schema().fields().forEach(this::collect);
    for (ArrowIndex.Dictionary d : index.dictionaries()) {
      if (!fields.containsKey(d.id())) {
        throw blame.at(
            d.frame().start(), "dictionary " + d.id(), "belongs to no column of the schema");
      }
      entries.computeIfAbsent(d.id(), _ -> new ArrayList<>()).add(d);
    }
  }

  private void collect(ArrowField field) {
    ArrowField.Dictionary dictionary = field.dictionary();
    if (dictionary != null) {
      fields.putIfAbsent(dictionary.id(), field.values());
    }
    field.children().forEach(this::collect);
  }

  Set<Long> ids() {
    return fields.keySet();
  }

  /** The messages of a dictionary that hold for one at a position, in their order. */
  List<ArrowIndex.Dictionary> messages(long id, long position) {
    List<ArrowIndex.Dictionary> parts = new ArrayList<>();
    for (ArrowIndex.Dictionary d : entries.getOrDefault(id, List.of())) {
      if (d.position() >= position) {
        break;
      }
      if (!d.isDelta()) {
        parts.clear();
      }
      parts.add(d);
    }
    return parts;
  }

  /** The values of a dictionary for a message at a position. */
  List<ArrowColumn> values(long id, long position) {
    List<ArrowColumn> columns = new ArrayList<>();
    for (ArrowIndex.Dictionary part : messages(id, position)) {
      columns.add(column(part));
    }
    return columns;
  }

  private ArrowColumn column(ArrowIndex.Dictionary part) {
    ArrowColumn known = read.get(part.frame().start());
    if (known == null) {
      known = decode(part);
      read.put(part.frame().start(), known);
    }
    return known;
  }

  private ArrowColumn decode(ArrowIndex.Dictionary part) {
    MessageReader.Frame frame = part.frame();
    Metadata metadata =
        Metadata.read(blame, source.all(), frame.metadataOffset(), frame.metadataLength());
    ArrowField values = fields.get(part.id());
    // In a file a dictionary may lean on any other one.
    long position = Math.max(1, part.position());
    BatchDecoder decoder =
        metadata.get(
            "dictionary " + part.id(),
            b -> BatchDecoder.ofDictionary(source, metadata, frame, this, b));
    return decoder.columns(List.of(metadata.present(values, "dictionary")), position).get(0);
  }
}
