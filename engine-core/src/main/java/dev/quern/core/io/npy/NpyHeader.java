package dev.quern.core.io.npy;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The header of an npy file: magic, version, length, and a Python dictionary with exactly the keys
 * {@code descr}, {@code fortran_order} and {@code shape}.
 *
 * @param typeName element type without byte order
 * @param elementBytes size of an element
 * @param bigEndian whether elements have to be swapped
 * @param fortranOrder whether the first axis is the innermost
 * @param shape extents, outermost first
 * @param dataOffset where the elements begin
 */
record NpyHeader(
    String typeName,
    int elementBytes,
    boolean bigEndian,
    boolean fortranOrder,
    Shape shape,
    long dataOffset) {
  /** The longest header that is read; NumPy itself writes less than a hundredth of it. */
  static final int MAX_BYTES = 1 << 16;

  private static final int MAGIC_BYTE = 0x93;
  private static final String MAGIC_TEXT = "NUMPY";
  private static final int MAX_RANK = 64;
  private static final int END = -1;
  private static final Pattern DESCR = Pattern.compile("([<>|=])?([a-zA-Z])([0-9]{0,9})");
  private static final Pattern READABLE = Pattern.compile("b1|[iu][1248]|f[248]");

  /** Size of all elements. */
  long dataBytes() {
    return shape.elements() * elementBytes;
  }

  static NpyHeader parse(Blame blame, ByteCursor in) {
    if (in.u8("magic") != MAGIC_BYTE || !in.utf8(MAGIC_TEXT.length(), "magic").equals(MAGIC_TEXT)) {
      throw in.error(0, "magic", "the bytes are not 0x93 'NUMPY'");
    }
    int major = in.u8("version");
    int minor = in.u8("version");
    if (major < 1 || major > 3 || minor != 0) {
      throw in.error(6, "version", major + "." + minor + " is not 1.0, 2.0 or 3.0");
    }
    long lengthAt = in.position();
    long length = major == 1 ? in.u16("header length") : in.u32("header length");
    if (length > in.remaining() || length > MAX_BYTES) {
      throw in.error(
          lengthAt,
          "header length",
          length + " is more than the file's rest or the limit of " + MAX_BYTES);
    }
    long textAt = in.position();
    // Up to version 2 the text is Latin-1; everything that can be read is ASCII anyway.
    String text = in.utf8((int) length, "header");
    return new Parser(blame, text, textAt, textAt + length).header();
  }

  /** A strict parser of the one dictionary. */
  private static final class Parser {
    private final Blame blame;
    private final String text;
    private final long textAt;
    private final long dataAt;
    private int at;

    Parser(Blame blame, String text, long textAt, long dataAt) {
      this.blame = blame;
      this.text = text;
      this.textAt = textAt;
      this.dataAt = dataAt;
    }

    NpyHeader header() {
      String descr = null;
      Boolean fortran = null;
      List<Long> dims = null;
      Set<String> keys = new HashSet<>();
      expect('{');
      while (peek() != '}') {
        String key = string();
        if (!keys.add(key)) {
          throw error("the key " + Blame.quote(key) + " occurs twice");
        }
        expect(':');
        switch (key) {
          case "descr" -> descr = descr();
          case "fortran_order" -> fortran = bool();
          case "shape" -> dims = tuple();
          default -> throw error("the key " + Blame.quote(key) + " is unknown");
        }
        if (peek() != '}') {
          expect(',');
        }
      }
      expect('}');
      if (peek() != END) {
        throw error("something follows the dictionary");
      }
      return build(descr, fortran, dims);
    }

    private NpyHeader build(
        @Nullable String descr, @Nullable Boolean fortran, @Nullable List<Long> dims) {
      if (descr == null || fortran == null || dims == null) {
        throw error("descr, fortran_order or shape is missing");
      }
      Matcher m = DESCR.matcher(descr);
      if (!m.matches()) {
        throw error("descr " + Blame.quote(descr) + " is no element type");
      }
      String kind = String.valueOf(m.group(2));
      String typeName = kind + m.group(3);
      if (kind.equals("O")) {
        throw error("object arrays hold pickled Python code and are never read");
      }
      if (!READABLE.matcher(typeName).matches()) {
        throw blame.unsupported("the element type " + Blame.quote(descr) + " is not supported");
      }
      int elementBytes = typeName.charAt(1) - '0';
      String order = m.group(1);
      if ((order == null || order.equals("|")) && elementBytes > 1) {
        throw error("descr " + Blame.quote(descr) + " does not say the byte order");
      }
      long bytes = elementBytes;
      boolean empty = dims.contains(0L);
      for (long d : dims) {
        if (!empty && d > Long.MAX_VALUE / bytes) {
          throw error("shape " + dims + " has more than 2^63 bytes");
        }
        bytes *= empty ? 1 : d;
      }
      long[] extents = dims.stream().mapToLong(Long::longValue).toArray();
      return new NpyHeader(
          typeName,
          elementBytes,
          elementBytes > 1 && ">".equals(order),
          fortran,
          Shape.of(extents),
          dataAt);
    }

    private FormatException error(String detail) {
      return blame.at(textAt + at, "header", detail);
    }

    /** The next character that is no white space, or −1 at the end. */
    private int peek() {
      while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      return at < text.length() ? text.charAt(at) : END;
    }

    private void expect(char c) {
      if (peek() != c) {
        throw error("'" + c + "' is expected");
      }
      at++;
    }

    private String string() {
      int quote = peek();
      if (quote != '\'' && quote != '"') {
        throw error("a string is expected");
      }
      int end = text.indexOf(quote, at + 1);
      if (end < 0 || text.substring(at, end).indexOf('\\') >= 0) {
        throw error("a string does not end or has an escape");
      }
      String s = text.substring(at + 1, end);
      at = end + 1;
      return s;
    }

    private String descr() {
      if (peek() == '[') {
        throw blame.unsupported("structured element types are not supported");
      }
      return string();
    }

    private boolean bool() {
      peek();
      boolean value = text.startsWith("True", at);
      if (!value && !text.startsWith("False", at)) {
        throw error("True or False is expected");
      }
      at += value ? 4 : 5;
      return value;
    }

    private List<Long> tuple() {
      List<Long> dims = new ArrayList<>();
      expect('(');
      boolean comma = true;
      while (peek() != ')') {
        if (!comma || dims.size() == MAX_RANK) {
          throw error("',' is expected, and at most " + MAX_RANK + " extents");
        }
        dims.add(natural());
        comma = peek() == ',';
        if (comma) {
          at++;
        }
      }
      expect(')');
      if (dims.size() == 1 && !comma) {
        throw error("a tuple of one extent needs a comma");
      }
      return dims;
    }

    private long natural() {
      int from = at;
      while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
        at++;
      }
      String digits = text.substring(from, at);
      try {
        if (digits.length() > 1 && digits.charAt(0) == '0') {
          throw error("an extent has a leading zero");
        }
        return Long.parseLong(digits);
      } catch (NumberFormatException e) {
        throw error("an extent from 0 to 2^63 - 1 is expected");
      }
    }
  }
}
