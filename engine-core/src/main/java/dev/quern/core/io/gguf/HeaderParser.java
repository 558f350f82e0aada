package dev.quern.core.io.gguf;

import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.TensorTable;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.Shape;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reads and checks everything before the tensor data.
 *
 * <p>Layout: magic, version, number of tensors, number of pairs; the pairs; the tensor
 * descriptions; padding to the alignment; the data, to whose beginning the offsets of the
 * descriptions refer.
 */
final class HeaderParser {
  private static final int MAGIC = 0x46554747;
  private static final int MAX_PAIRS = 1 << 16;
  private static final int MAX_TENSORS = 1 << 18;
  private static final int MAX_NAME_BYTES = 65535;
  private static final int MAX_DIMS = 4;
  private static final int MAX_TYPE_ID = 1023;
  static final String ALIGNMENT_KEY = "general.alignment";

  private final Blame blame;
  private final ByteCursor in;
  private final ValueReader values;
  private final long fileBytes;

  private HeaderParser(Blame blame, MappedFile file) {
    this.blame = blame;
    this.in = new ByteCursor(blame, file.bytes());
    this.values = new ValueReader(blame, in, file::bytes);
    this.fileBytes = file.bytes().byteSize();
  }

  /**
   * What the header says.
   *
   * @param version 2 or 3
   * @param alignment of the data, bytes
   * @param metadata the pairs
   * @param tensors name → description, offsets from the beginning of the file
   */
  record Header(
      int version, int alignment, GgufMetadata metadata, Map<String, TensorInfo> tensors) {}

  static Header parse(Blame blame, MappedFile file) {
    return new HeaderParser(blame, file).header();
  }

  private Header header() {
    int magic = in.i32("magic");
    if (magic != MAGIC) {
      throw in.error(
          0,
          "magic",
          String.format("the bytes are not 'GGUF' (0x%08x)", Integer.reverseBytes(magic)));
    }
    int version = version();
    // A description takes a name's length, a dimension count, a type and an offset.
    long tensorCount = in.count("tensor count", 24, MAX_TENSORS);
    // A pair takes a key's length, a byte of key, a type and a byte of value.
    long pairCount = in.count("metadata pair count", 14, MAX_PAIRS);
    Map<String, GgufValue> pairs = new LinkedHashMap<>();
    for (int i = 0; i < pairCount; i++) {
      pair(i, pairs);
    }
    int alignment = alignment(pairs);
    Map<String, Described> described = new LinkedHashMap<>();
    for (int i = 0; i < tensorCount; i++) {
      describe(i, described, alignment);
    }
    return new Header(
        version, alignment, new GgufMetadata(blame, pairs), place(described, alignment));
  }

  private int version() {
    long at = in.position();
    int version = in.i32("version");
    if (version == 2 || version == 3) {
      return version;
    }
    int swapped = Integer.reverseBytes(version);
    String detail =
        swapped > 0 && swapped < 16
            ? "the file is big-endian; convert it to little-endian"
            : Integer.toUnsignedString(version)
                + " is not supported (2 and 3 are); convert the file anew";
    throw in.error(at, "version", detail);
  }

  private void pair(int index, Map<String, GgufValue> pairs) {
    long at = in.position();
    String key = name("metadata key " + index);
    String field = "metadata key " + Blame.quote(key);
    if (pairs.containsKey(key)) {
      throw in.error(at, field, "occurs twice");
    }
    pairs.put(key, values.read(field, values.type(field + " type")));
  }

  private String name(String field) {
    long at = in.position();
    String name = values.text(field, MAX_NAME_BYTES);
    if (name.isEmpty() || name.indexOf('\0') >= 0) {
      throw in.error(at, field, name.isEmpty() ? "is empty" : "contains a NUL byte");
    }
    return name;
  }

  private int alignment(Map<String, GgufValue> pairs) {
    GgufValue value = pairs.get(ALIGNMENT_KEY);
    return value == null ? GgufFile.DEFAULT_ALIGNMENT : checkAlignment(blame, value);
  }

  /** The alignment that a metadata value asks for. */
  static int checkAlignment(Blame blame, GgufValue value) {
    String field = "metadata key '" + ALIGNMENT_KEY + "' ";
    if (!(value instanceof GgufValue.Int i) || i.type() != GgufType.UINT32) {
      throw blame.whole(field + "is " + value.type() + "; UINT32 is needed");
    }
    long alignment = i.value();
    if (alignment < 8 || alignment > GgufFile.MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw blame.whole(
          field
              + "is "
              + alignment
              + "; a power of two from 8 to "
              + GgufFile.MAX_ALIGNMENT
              + " is needed");
    }
    return (int) alignment;
  }

  /** A description before the beginning of the data is known. */
  private record Described(long at, TensorInfo info) {}

  private void describe(int index, Map<String, Described> described, int alignment) {
    long at = in.position();
    String name = name("tensor " + index + " name");
    String field = "tensor " + Blame.quote(name);
    if (described.containsKey(name)) {
      throw in.error(at, field, "occurs twice");
    }
    Shape shape = shape(field);
    long typeAt = in.position();
    long typeId = in.u32(field + " type");
    if (typeId > MAX_TYPE_ID) {
      throw in.error(typeAt, field + " type", typeId + " is no element type");
    }
    GgmlType type = GgmlType.of(typeId);
    long byteSize = type == null ? -1 : byteSize(typeAt, field, shape, type);
    long offsetAt = in.position();
    long offset = in.i64(field + " offset");
    if (offset < 0 || offset % alignment != 0) {
      throw in.error(
          offsetAt,
          field + " offset",
          Long.toUnsignedString(offset) + " is not a multiple of the alignment " + alignment);
    }
    TensorInfo info =
        new TensorInfo(
            name,
            type == null ? "type " + typeId : type.name(),
            type == null ? null : type.dtype(),
            shape,
            offset,
            byteSize);
    described.put(name, new Described(offsetAt, info));
  }

  private Shape shape(String field) {
    long at = in.position();
    long rank = in.u32(field + " dimension count");
    if (rank > MAX_DIMS) {
      throw in.error(at, field + " dimension count", rank + " is more than " + MAX_DIMS);
    }
    long[] dims = new long[(int) rank];
    long elements = 1;
    for (int i = 0; i < rank; i++) {
      long dimAt = in.position();
      long dim = in.i64(field + " dimension " + i);
      if (dim <= 0 || dim > Long.MAX_VALUE / elements) {
        throw in.error(
            dimAt,
            field + " dimension " + i,
            Long.toUnsignedString(dim)
                + (dim == 0 ? " is no extent" : " makes more than 2^63 - 1 elements"));
      }
      elements *= dim;
      // The file has the innermost extent first.
      dims[(int) rank - 1 - i] = dim;
    }
    return Shape.of(dims);
  }

  private long byteSize(long at, String field, Shape shape, GgmlType type) {
    long row = shape.rank() == 0 ? 1 : shape.dim(-1);
    if (row % type.blockLength() != 0) {
      throw in.error(
          at,
          field + " type",
          "rows of "
              + row
              + " elements do not hold whole "
              + type
              + " blocks of "
              + type.blockLength());
    }
    long blocks = shape.elements() / type.blockLength();
    if (blocks > fileBytes / type.blockBytes()) {
      throw in.error(
          at,
          field + " type",
          shape + " " + type + " is larger than the file of " + fileBytes + " bytes");
    }
    return blocks * type.blockBytes();
  }

  /** Turns offsets from the data's beginning into offsets from the file's. */
  private Map<String, TensorInfo> place(Map<String, Described> described, int alignment) {
    long end = in.position();
    long data = end + (alignment - end % alignment) % alignment;
    Map<String, TensorInfo> placed = new LinkedHashMap<>();
    for (Described d : described.values()) {
      TensorInfo t = d.info();
      long needed = Math.max(1, t.byteSize());
      if (data > fileBytes || t.offsetBytes() > fileBytes - data - needed) {
        throw outside(d, data);
      }
      placed.put(
          t.name(),
          new TensorInfo(
              t.name(),
              t.typeName(),
              t.knownDType(),
              t.shape(),
              data + t.offsetBytes(),
              t.byteSize()));
    }
    TensorTable.checkApart(blame, placed.values());
    return Collections.unmodifiableMap(placed);
  }

  private FormatException outside(Described d, long data) {
    TensorInfo t = d.info();
    return in.error(
        d.at(),
        "tensor " + Blame.quote(t.name()) + " offset",
        "the data ("
            + (t.byteSize() < 0 ? "of unknown size" : t.byteSize() + " bytes")
            + " at offset "
            + t.offsetBytes()
            + " of the data section, which begins at "
            + data
            + ") ends beyond the file of "
            + fileBytes
            + " bytes; was it cut short?");
  }
}
