package dev.quern.core.io.arrow;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.arrow.MessageReader.Frame;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Copies one batch's messages as they are, as a stream of their own. */
final class StreamCopy {
  private static final byte[] END = {-1, -1, -1, -1, 0, 0, 0, 0};

  private final MemorySegment bytes;
  private final ArrowIndex index;
  private final Dictionaries dictionaries;

  StreamCopy(MemorySegment bytes, ArrowIndex index, Dictionaries dictionaries) {
    this.bytes = bytes;
    this.index = index;
    this.dictionaries = dictionaries;
  }

  void write(ArrowIndex.Batch batch, ByteSink sink) {
    copy(index.schemaFrame(), sink);
    List<ArrowIndex.Dictionary> needed = new ArrayList<>();
    for (long id : dictionaries.ids()) {
      needed.addAll(dictionaries.messages(id, batch.position()));
    }
    // In the order of the file: a dictionary may lean on one before it.
    needed.sort(Comparator.comparingLong(d -> d.frame().start()));
    needed.forEach(d -> copy(d.frame(), sink));
    copy(batch.frame(), sink);
    sink.write(END);
  }

  private void copy(Frame frame, ByteSink sink) {
    sink.write(bytes.asSlice(frame.start(), frame.end() - frame.start()));
  }
}
