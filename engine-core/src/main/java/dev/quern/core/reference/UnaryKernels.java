package dev.quern.core.reference;

import dev.quern.core.op.UnaryOp;
import dev.quern.core.op.UnaryOp.Abs;
import dev.quern.core.op.UnaryOp.Clip;
import dev.quern.core.op.UnaryOp.Cos;
import dev.quern.core.op.UnaryOp.Exp;
import dev.quern.core.op.UnaryOp.Gelu;
import dev.quern.core.op.UnaryOp.Log;
import dev.quern.core.op.UnaryOp.Neg;
import dev.quern.core.op.UnaryOp.Not;
import dev.quern.core.op.UnaryOp.Reciprocal;
import dev.quern.core.op.UnaryOp.Relu;
import dev.quern.core.op.UnaryOp.Rsqrt;
import dev.quern.core.op.UnaryOp.Sigmoid;
import dev.quern.core.op.UnaryOp.Silu;
import dev.quern.core.op.UnaryOp.Sin;
import dev.quern.core.op.UnaryOp.Sqrt;
import dev.quern.core.op.UnaryOp.Tanh;
import dev.quern.core.spi.KernelArgs;
import java.util.function.DoubleUnaryOperator;
import java.util.function.LongUnaryOperator;

/** {@link UnaryOp}: y[i] = f(x[i]). */
final class UnaryKernels {
  private static final double SQRT_HALF = Math.sqrt(0.5);
  private static final double SQRT_2_BY_PI = Math.sqrt(2 / Math.PI);

  private UnaryKernels() {}

  static Runnable bind(KernelArgs args) {
    UnaryOp op = (UnaryOp) args.op();
    return args.input(0).dtype().isFloating()
        ? Elementwise.map(args, floating(op))
        : Elementwise.mapLongs(args, integral(op));
  }

  private static DoubleUnaryOperator floating(UnaryOp op) {
    return switch (op) {
      case Neg _ -> x -> -x;
      case Abs _ -> Math::abs;
      case Exp _ -> StrictMath::exp;
      case Log _ -> StrictMath::log;
      case Sqrt _ -> Math::sqrt;
      case Rsqrt _ -> x -> 1 / Math.sqrt(x);
      case Reciprocal _ -> x -> 1 / x;
      case Tanh _ -> StrictMath::tanh;
      case UnaryOp.Erf _ -> Erf::erf;
      case Sigmoid _ -> UnaryKernels::sigmoid;
      case Sin _ -> StrictMath::sin;
      case Cos _ -> StrictMath::cos;
      case Relu _ -> x -> Math.max(x, 0);
      case Gelu(boolean tanh) -> tanh ? UnaryKernels::geluTanh : UnaryKernels::gelu;
      case Silu _ -> UnaryKernels::silu;
      case Clip(double low, double high) -> x -> Math.min(Math.max(x, low), high);
      case Not _ -> throw new IllegalArgumentException("not takes BOOL");
    };
  }

  private static LongUnaryOperator integral(UnaryOp op) {
    return switch (op) {
      case Neg _ -> x -> -x;
      case Abs _ -> Math::abs;
      case Not _ -> x -> 1 - x;
      case Clip(double low, double high) -> {
        long from = (long) low;
        long to = (long) high;
        yield x -> Math.min(Math.max(x, from), to);
      }
      default -> throw new IllegalArgumentException(op.name() + " takes floating point");
    };
  }

  static double sigmoid(double x) {
    return 1 / (1 + StrictMath.exp(-x));
  }

  static double silu(double x) {
    return x * sigmoid(x);
  }

  /** x·Φ(x) with Φ(x) = erfc(−x/√2)/2, which keeps its digits for negative x. */
  static double gelu(double x) {
    return 0.5 * x * Erf.erfc(-x * SQRT_HALF);
  }

  /** The tanh formula with 0.5·(1 + tanh u) written as sigmoid(2u). */
  static double geluTanh(double x) {
    return x * sigmoid(2 * SQRT_2_BY_PI * (x + 0.044715 * x * x * x));
  }
}
