package dev.quern.transformer.cli;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import java.util.Map;

/**
 * What a test has to do at least: the bytes that a decode step reads (all weights but the tables
 * that tokens are looked up in, and the keys and values so far) and the operations of a prefill
 * (matrix products and attention, a multiplication and an addition being two). Sliding windows are
 * not considered.
 */
final class Workload {
  private final Decoder.Dimensions dimensions;
  private final long weightBytes;
  private final long matrixElements;
  private final long outputElements;
  private final long attentionWidth;

  /** Of a decoder. */
  Workload(Decoder decoder) {
    dimensions = decoder.dimensions();
    long bytes = 0;
    long elements = 0;
    long output = 0;
    long width = dimensions.dim();
    for (Map.Entry<String, Tensor> p : decoder.parameters().entrySet()) {
      String name = p.getKey();
      Tensor w = p.getValue();
      if (name.startsWith("embedding.") || name.startsWith("positions.")) {
        continue;
      }
      bytes += w.spec().byteSize();
      if (name.equals("output.weight")) {
        output = w.shape().elements();
      } else if (w.shape().rank() == 2) {
        elements += w.shape().elements();
      }
      if (name.endsWith(".query.weight")) {
        width = w.shape().dim(0);
      }
    }
    weightBytes = bytes;
    matrixElements = elements;
    outputElements = output;
    attentionWidth = width;
  }

  /**
   * Bytes that a decode step reads, on average over a test.
   *
   * @param depth tokens in the cache before it
   * @param generated tokens of the test
   * @param cache how keys and values are stored
   */
  double decodeBytes(int depth, int generated, DType cache) {
    double keys = depth + (generated + 1) / 2.0;
    long row = dimensions.kvHeads() * TensorSpec.of(cache, dimensions.headDim()).byteSize();
    return weightBytes + 2.0 * dimensions.layers() * row * keys;
  }

  /**
   * Operations of a prefill that gives the logits of its last token.
   *
   * @param depth tokens in the cache before it
   * @param prompt its tokens
   */
  double prefillOperations(int depth, int prompt) {
    double pairs = prompt * (depth + (prompt + 1) / 2.0);
    return 2.0 * matrixElements * prompt
        + 2.0 * outputElements
        + 4.0 * dimensions.layers() * attentionWidth * pairs;
  }
}
