package dev.quern.transformer.train.log;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The values of one event: TensorFlow's message {@code Summary}. A number is itself; a distribution
 * and a text are a {@code TensorProto} with the name of the TensorBoard plugin that shows it.
 *
 * <p>Source: summary.proto, tensor.proto and types.proto of TensorFlow; the numbers below are
 * theirs.
 */
final class Summary {
  // Summary and Summary.Value
  private static final int VALUE = 1;
  private static final int VALUE_TAG = 1;
  private static final int VALUE_SIMPLE = 2;
  private static final int VALUE_TENSOR = 8;
  private static final int VALUE_METADATA = 9;
  // SummaryMetadata and its PluginData
  private static final int PLUGIN_DATA = 1;
  private static final int PLUGIN_NAME = 1;
  // TensorProto, TensorShapeProto, DataType
  private static final int DTYPE = 1;
  private static final int SHAPE = 2;
  private static final int CONTENT = 4;
  private static final int STRINGS = 8;
  private static final int DIM = 2;
  private static final int DIM_SIZE = 1;
  private static final int DT_DOUBLE = 2;
  private static final int DT_STRING = 7;

  private final Protobuf values = new Protobuf();

  /** A number, which TensorBoard keeps as F32. Written as readers of every age take it. */
  Summary scalar(String tag, double value) {
    values.message(VALUE, new Protobuf().text(VALUE_TAG, tag).single(VALUE_SIMPLE, (float) value));
    return this;
  }

  /** A distribution: for each bucket its left edge, right edge and count. */
  Summary histogram(String tag, double[][] buckets) {
    byte[] content =
        Protobuf.littleEndian(
            buckets.length * 3 * Double.BYTES, // (buckets, 3)
            b -> Arrays.stream(buckets).flatMapToDouble(Arrays::stream).forEach(b::putDouble));
    Protobuf tensor = tensor(DT_DOUBLE, buckets.length, 3).bytes(CONTENT, content);
    return value(tag, "histograms", tensor);
  }

  /** A text, shown as Markdown. */
  Summary text(String tag, String markdown) {
    byte[] utf8 = markdown.getBytes(StandardCharsets.UTF_8);
    return value(tag, "text", tensor(DT_STRING).bytes(STRINGS, utf8));
  }

  private static Protobuf tensor(int dtype, int... shape) {
    Protobuf dims = new Protobuf();
    for (int size : shape) {
      dims.message(DIM, new Protobuf().integer(DIM_SIZE, size));
    }
    return new Protobuf().integer(DTYPE, dtype).message(SHAPE, dims);
  }

  private Summary value(String tag, String plugin, Protobuf tensor) {
    Protobuf metadata =
        new Protobuf().message(PLUGIN_DATA, new Protobuf().text(PLUGIN_NAME, plugin));
    values.message(
        VALUE,
        new Protobuf()
            .text(VALUE_TAG, tag)
            .message(VALUE_TENSOR, tensor)
            .message(VALUE_METADATA, metadata));
    return this;
  }

  /** The message. */
  Protobuf message() {
    return values;
  }
}
