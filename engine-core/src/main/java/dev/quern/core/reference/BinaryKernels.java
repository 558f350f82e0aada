package dev.quern.core.reference;

import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BinaryOp.Add;
import dev.quern.core.op.BinaryOp.Div;
import dev.quern.core.op.BinaryOp.GeGlu;
import dev.quern.core.op.BinaryOp.Maximum;
import dev.quern.core.op.BinaryOp.Minimum;
import dev.quern.core.op.BinaryOp.Mul;
import dev.quern.core.op.BinaryOp.Pow;
import dev.quern.core.op.BinaryOp.Sub;
import dev.quern.core.op.BinaryOp.SwiGlu;
import dev.quern.core.spi.KernelArgs;
import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;

/** {@link BinaryOp}: y[i] = f(a[i], b[i]), with broadcasting. */
final class BinaryKernels {
  private BinaryKernels() {}

  static Runnable bind(KernelArgs args) {
    BinaryOp op = (BinaryOp) args.op();
    return args.input(0).dtype().isFloating()
        ? Elementwise.map(args, floating(op))
        : Elementwise.mapLongs(args, integral(op));
  }

  private static DoubleBinaryOperator floating(BinaryOp op) {
    return switch (op) {
      case Add _ -> Double::sum;
      case Sub _ -> (a, b) -> a - b;
      case Mul _ -> (a, b) -> a * b;
      case Div _ -> (a, b) -> a / b;
      case Pow _ -> BinaryKernels::pow;
      case Maximum _ -> Math::max;
      case Minimum _ -> Math::min;
      case SwiGlu _ -> (gate, up) -> UnaryKernels.silu(gate) * up;
      case GeGlu(boolean tanh) ->
          tanh
              ? (gate, up) -> UnaryKernels.geluTanh(gate) * up
              : (gate, up) -> UnaryKernels.gelu(gate) * up;
    };
  }

  private static LongBinaryOperator integral(BinaryOp op) {
    return switch (op) {
      case Add _ -> Long::sum;
      case Sub _ -> (a, b) -> a - b;
      case Mul _ -> (a, b) -> a * b;
      case Div _ -> (a, b) -> b == 0 ? 0 : a / b;
      case Pow _ -> BinaryKernels::pow;
      case Maximum _ -> Math::max;
      case Minimum _ -> Math::min;
      case SwiGlu _, GeGlu _ ->
          throw new IllegalArgumentException(op.name() + " takes floating point");
    };
  }

  /** The power of IEEE 754: 1^y is 1 even for NaN, and (−1)^±∞ is 1; Java's would give NaN. */
  private static double pow(double a, double b) {
    return a == 1 || (a == -1 && Double.isInfinite(b)) ? 1 : StrictMath.pow(a, b);
  }

  private static long pow(long a, long b) {
    if (b < 0) {
      return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    }
    long result = 1;
    long square = a;
    for (long rest = b; rest > 0; rest >>= 1) {
      if ((rest & 1) == 1) {
        result *= square;
      }
      square *= square;
    }
    return result;
  }
}
