package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.launch.Params;

/**
 * What a product does with its results before they reach memory, laid out as {@code epilogue.cuh}
 * has it.
 *
 * @param kind what it does
 * @param other address of what is added or multiplied, or of the gate: shaped like the result,
 *     without gaps, of its type; 0 if there is none
 * @param second address of the second result of a slope; of others, where the result goes rounded
 *     to BF16, in the place of the product's own; 0 if there is none
 */
record Epilogue(Kind kind, long other, long second) {
  /** Nothing: a product as it is. */
  static final Epilogue NONE = new Epilogue(Kind.PLAIN, 0, 0);

  /** By the numbers of {@code epilogue.cuh}; h is the product with its bias, rounded. */
  enum Kind {
    /** h. */
    PLAIN(0),
    /** h + other. */
    ADD(1),
    /** h · other. */
    TIMES(2),
    /** silu(other) · h. */
    SILU_GATE(3),
    /** gelu(other) · h. */
    GELU_GATE(4),
    /** The same by the tanh formula. */
    GELU_TANH_GATE(5),
    /** silu'(h), and silu(h) as the second result. */
    SILU_SLOPE(6),
    /** gelu'(h), and gelu(h) as the second result. */
    GELU_SLOPE(7),
    /** The same by the tanh formula. */
    GELU_TANH_SLOPE(8);

    private final int number;

    Kind(int number) {
      this.number = number;
    }
  }

  boolean isNone() {
    return kind == Kind.PLAIN;
  }

  void write(Params p) {
    p.address(other).address(second).int32(kind.number).int32(0);
  }
}
