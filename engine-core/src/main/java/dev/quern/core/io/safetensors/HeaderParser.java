package dev.quern.core.io.safetensors;

import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.JsonReader;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads and checks the header: 8 bytes of length, a JSON object, then the data without a gap.
 *
 * <p>Each tensor's {@code data_offsets} count from the end of the header; together, in the order of
 * their offsets, the tensors must cover the rest of the file exactly.
 */
final class HeaderParser {
  private static final int LENGTH_BYTES = 8;
  private static final long MAX_HEADER_BYTES = 100_000_000;
  private static final int MAX_TENSORS = 1 << 20;
  private static final int MAX_RANK = 64;
  static final String METADATA_KEY = "__metadata__";

  private final Blame blame;
  private final JsonReader json;
  private final long dataStart;
  private final long fileBytes;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

  private HeaderParser(Blame blame, MappedFile file) {
    this.blame = blame;
    this.fileBytes = file.bytes().byteSize();
    ByteCursor in = new ByteCursor(blame, file.bytes());
    long length = in.count("header length", 1, MAX_HEADER_BYTES);
    this.dataStart = LENGTH_BYTES + length;
    ByteCursor header = new ByteCursor(blame, file.bytes(), LENGTH_BYTES, dataStart);
    if (length == 0 || header.u8("header") != '{') {
      throw blame.at(LENGTH_BYTES, "header", "does not begin with '{'");
    }
    this.json =
        new JsonReader(new ByteCursor(blame, file.bytes(), LENGTH_BYTES, dataStart), "header");
  }

  /**
   * What the header says.
   *
   * @param metadata text pairs
   * @param tensors name → description, in the order of the header
   */
  record Header(Map<String, String> metadata, Map<String, TensorInfo> tensors) {}

  static Header parse(Blame blame, MappedFile file) {
    HeaderParser p = new HeaderParser(blame, file);
    p.json.object(p::entry);
    p.json.end();
    p.checkCover();
    return new Header(
        Collections.unmodifiableMap(p.metadata), Collections.unmodifiableMap(p.tensors));
  }

  private void entry(String key) {
    if (key.equals(METADATA_KEY)) {
      json.object(name -> metadata.put(name, json.string()));
      return;
    }
    if (tensors.size() == MAX_TENSORS) {
      throw json.error("has more than " + MAX_TENSORS + " tensors");
    }
    tensors.put(key, new Entry(key).read());
  }

  /** One tensor's object. */
  private final class Entry {
    private final String name;
    private @Nullable SafetensorsType type;
    private long @Nullable [] dims;
    private long @Nullable [] offsets;

    Entry(String name) {
      this.name = name;
    }

    TensorInfo read() {
      json.object(
          key -> {
            switch (key) {
              case "dtype" -> type = type();
              case "shape" -> dims = naturals("shape", MAX_RANK);
              case "data_offsets" -> offsets = naturals("data_offsets", 2);
              default -> json.skip();
            }
          });
      SafetensorsType t = type;
      long[] d = dims;
      long[] o = offsets;
      if (t == null || d == null || o == null) {
        throw json.error(
            field(t == null ? "dtype" : d == null ? "shape" : "data_offsets") + " is missing");
      }
      if (o.length != 2 || o[0] > o[1] || o[1] > fileBytes - dataStart) {
        throw json.error(
            field("data_offsets")
                + " "
                + Arrays.toString(o)
                + " is no range of the "
                + (fileBytes - dataStart)
                + " bytes of data; was the file cut short?");
      }
      long bits = bits(t, d);
      if (bits % 8 != 0 || bits / 8 != o[1] - o[0]) {
        throw json.error(
            field("shape")
                + " "
                + Arrays.toString(d)
                + " of "
                + t
                + " has "
                + bits
                + " bits, but data_offsets "
                + Arrays.toString(o)
                + " has "
                + (o[1] - o[0])
                + " bytes");
      }
      return new TensorInfo(name, t.name(), t.dtype(), Shape.of(d), dataStart + o[0], o[1] - o[0]);
    }

    private String field(String field) {
      return "tensor " + Blame.quote(name) + ": " + field;
    }

    private SafetensorsType type() {
      String wanted = json.string();
      SafetensorsType known = SafetensorsType.of(wanted);
      if (known == null) {
        throw json.error(
            field("dtype")
                + " "
                + Blame.quote(wanted)
                + " is none of "
                + Arrays.toString(SafetensorsType.values()));
      }
      return known;
    }

    private long[] naturals(String field, int limit) {
      long[] values = new long[limit];
      int[] count = new int[1];
      json.array(
          () -> {
            if (count[0] == limit) {
              throw json.error(field(field) + " has more than " + limit + " numbers");
            }
            values[count[0]++] = json.natural();
          });
      return Arrays.copyOf(values, count[0]);
    }

    private long bits(SafetensorsType t, long[] d) {
      long bits = t.bits();
      for (long dim : d) {
        if (dim == 0) {
          // Shape.of accepts whatever the other extents are, since there are no elements.
          return 0;
        }
      }
      for (long dim : d) {
        if (dim > Long.MAX_VALUE / bits) {
          throw json.error(field("shape") + " " + Arrays.toString(d) + " has more than 2^63 bits");
        }
        bits *= dim;
      }
      return bits;
    }
  }

  private void checkCover() {
    List<TensorInfo> sorted = new ArrayList<>(tensors.values());
    sorted.sort(
        Comparator.comparingLong(TensorInfo::offsetBytes).thenComparingLong(TensorInfo::byteSize));
    long end = dataStart;
    for (TensorInfo t : sorted) {
      if (t.offsetBytes() != end) {
        throw blame.at(
            t.offsetBytes(),
            "tensor " + Blame.quote(t.name()),
            (t.offsetBytes() < end ? "overlaps the data before it" : "leaves a gap before it")
                + ", which ends at offset "
                + end);
      }
      end += t.byteSize();
    }
    if (end != fileBytes) {
      throw blame.at(
          end, "data", (fileBytes - end) + " bytes at the end of the file belong to no tensor");
    }
  }
}
