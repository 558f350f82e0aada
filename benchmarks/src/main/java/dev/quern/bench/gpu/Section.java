package dev.quern.bench.gpu;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/** What can be measured, by the name it is asked for with. */
enum Section {
  /** The copy bandwidth; measured in any case, because shares are shares of it. */
  COPY("the bandwidth of copies within the device, read and written", CopySection::run),
  /** Matrix products of scalar types. */
  MATMUL("matrix products of BF16, F16 and 8-bit floats, own and cuBLASLt's", MatMulSection::run),
  /** Attention. */
  ATTENTION("attention of 32 query heads over 8 key heads, causal", AttentionSection::run),
  /** One pass over memory. */
  ELEMENTWISE("operations on each element", ElementwiseSection::run),
  /** Reductions, norms, indices. */
  ROWS("operations on rows: reductions, norms, look-ups, sorting", RowsSection::run),
  /** Products with weights in blocks. */
  QUANTIZED("products with weights in blocks, and their conversions", QuantizedSection::run),
  /** Whole decoders. */
  DECODE("tokens of whole decoders, chosen on the device", DecodeSection::run),
  /** Training. */
  TRAIN("training steps of a GPT-2 of 124 million parameters", TrainSection::run),
  /** What the host does. */
  OVERHEAD("what a call costs the host", OverheadSection::run);

  private final String description;

  @SuppressWarnings("ImmutableEnumChecker") // a static method
  private final Consumer<Lab> code;

  Section(String description, Consumer<Lab> code) {
    this.description = description;
    this.code = code;
  }

  /** The name on the command line, and in figures. */
  String title() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What it measures, in a line. */
  String description() {
    return description;
  }

  /** Measures. */
  void run(Lab lab) {
    code.accept(lab);
  }

  /** A figure of this section, to be measured. */
  Figure figure(String name) {
    return Figure.of(title(), name);
  }

  /** All names. */
  static List<String> titles() {
    return Arrays.stream(values()).map(Section::title).toList();
  }
}
