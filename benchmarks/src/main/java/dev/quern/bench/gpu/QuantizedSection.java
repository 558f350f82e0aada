package dev.quern.bench.gpu;

import dev.quern.core.op.Tensor;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import java.util.List;

/**
 * Linear maps of F32 activations with weights in blocks: few rows, which read the weights at the
 * memory's speed, and many, which the tensor cores compute. Shares of few rows count the bytes of
 * weights, activations and results. PyTorch has none of these formats.
 */
final class QuantizedSection {
  private static final List<BlockType> FREQUENT =
      List.of(BlockType.Q8_0, BlockType.Q4_0, BlockType.Q4_K, BlockType.Q6_K);

  private static final long STREAMED = 8; // rows up to which the memory decides
  private static final int[] ROWS = {4, 8, 64, 512, 4096};
  private static final int[] FEW_ROWS = {4, 8, 9, 12, 17};

  private final Lab lab;

  private QuantizedSection(Lab lab) {
    this.lab = lab;
  }

  static void run(Lab lab) {
    QuantizedSection s = new QuantizedSection(lab);
    for (BlockType type : BlockCodecs.supported()) {
      s.product(type, 1, 4096, 14_336);
    }
    for (BlockType type : FREQUENT) {
      s.product(type, 1, 4096, 4096);
      s.product(type, 1, 4096, 128_256);
      for (int i = 0; i < ROWS.length; i++) {
        s.product(type, lab.size(ROWS[i], FEW_ROWS[i]), 4096, 4096);
      }
      s.dequantize(type);
    }
    s.quantize();
  }

  private void product(BlockType type, long rows, long fullK, long fullColumns) {
    long k = lab.size(fullK, 256);
    long columns = lab.size(fullColumns, fullColumns / 512);
    Figure f = Section.QUANTIZED.figure("%s %dx%dx%d".formatted(type, rows, columns, k));
    lab.measure(
        rows > STREAMED ? f.withFlops(2.0 * rows * columns * k) : f,
        o -> {
          Tensor x = o.normal(ScalarType.F32, rows, k);
          Tensor w = o.normal(type, columns, k);
          return () -> List.of(x.linear(w));
        });
  }

  private void dequantize(BlockType type) {
    long columns = lab.size(4096, 256);
    long rows = lab.size(1L << 16, 2);
    lab.measure(
        Section.QUANTIZED.figure("%s to F32 %dx%d".formatted(type, rows, columns)),
        o -> {
          Tensor x = o.normal(type, rows, columns);
          return () -> List.of(x.cast(ScalarType.F32));
        });
  }

  private void quantize() {
    long columns = lab.size(4096, 256);
    long rows = lab.size(1L << 16, 2);
    lab.measure(
        Section.QUANTIZED.figure("F32 to Q8_0 %dx%d".formatted(rows, columns)),
        o -> {
          Tensor x = o.normal(ScalarType.F32, rows, columns);
          return () -> List.of(x.cast(BlockType.Q8_0));
        });
  }
}
