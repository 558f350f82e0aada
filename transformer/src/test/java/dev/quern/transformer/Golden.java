package dev.quern.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** Golden files: those of the project, and those that {@code -Dquern.data} points to. */
public final class Golden {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Golden() {}

  /** A committed golden file or folder. */
  public static Path of(String name) {
    URL url = Golden.class.getResource("golden/" + name);
    try {
      return Path.of(Objects.requireNonNull(url, () -> "no golden file " + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * A file or folder of the larger data; skips the test if there is none, fails if it is missing.
   */
  public static Path outside(String name) {
    String root = System.getProperty("quern.data");
    Assumptions.assumeTrue(
        root != null && !root.isBlank(), () -> "skipped: -Dquern.data is not set, no " + name);
    Path path = Path.of(root, name);
    Assertions.assertTrue(Files.exists(path), () -> "-Dquern.data lacks " + path);
    return path;
  }

  /** Parses JSON. */
  public static JsonNode json(Path file) {
    try {
      return JSON.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An array of whole numbers. */
  public static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  /** The F32 values of a .npy file in C order. */
  public static float[] npy(Path file) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      int header = Short.toUnsignedInt(bytes.getShort(8));
      String text = new String(bytes.array(), 10, header, StandardCharsets.US_ASCII);
      Assertions.assertTrue(text.contains("'<f4'") && text.contains("False"), text);
      float[] values = new float[(bytes.capacity() - 10 - header) / 4];
      bytes
          .position(10 + header)
          .slice()
          .order(ByteOrder.LITTLE_ENDIAN)
          .asFloatBuffer()
          .get(values);
      return values;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** max|a − b| / max|b|, infinite if a value is not finite. */
  public static double maxError(float[] a, float[] b) {
    Assertions.assertEquals(b.length, a.length, "length");
    double error = 0;
    double max = 0;
    for (int i = 0; i < b.length; i++) {
      if (!Float.isFinite(a[i])) {
        return Double.POSITIVE_INFINITY;
      }
      error = Math.max(error, Math.abs((double) a[i] - b[i]));
      max = Math.max(max, Math.abs((double) b[i]));
    }
    return error / max;
  }

  /** Σ(a − b)² / Σb². */
  public static double nmse(float[] a, float[] b) {
    Assertions.assertEquals(b.length, a.length, "length");
    double error = 0;
    double sum = 0;
    for (int i = 0; i < b.length; i++) {
      error += Math.pow((double) a[i] - b[i], 2);
      sum += Math.pow((double) b[i], 2);
    }
    return error / sum;
  }

  /** The share of rows whose largest element is at the same place. */
  public static double argmaxAgreement(float[] a, float[] b, int columns) {
    int rows = b.length / columns;
    int same = 0;
    for (int r = 0; r < rows; r++) {
      same += argmax(a, r * columns, columns) == argmax(b, r * columns, columns) ? 1 : 0;
    }
    return (double) same / rows;
  }

  /** Index of the largest of a run of elements, counted from its beginning. */
  public static int argmax(float[] x, int from, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      if (x[from + i] > x[from + best]) {
        best = i;
      }
    }
    return best;
  }
}
