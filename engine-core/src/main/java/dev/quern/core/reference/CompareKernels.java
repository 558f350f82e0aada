package dev.quern.core.reference;

import dev.quern.core.op.CompareOp;
import dev.quern.core.op.CompareOp.And;
import dev.quern.core.op.CompareOp.Equal;
import dev.quern.core.op.CompareOp.Greater;
import dev.quern.core.op.CompareOp.GreaterEqual;
import dev.quern.core.op.CompareOp.Less;
import dev.quern.core.op.CompareOp.LessEqual;
import dev.quern.core.op.CompareOp.NotEqual;
import dev.quern.core.op.CompareOp.Or;
import dev.quern.core.op.CompareOp.Xor;
import dev.quern.core.spi.KernelArgs;
import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;

/** {@link CompareOp}: y[i] = a[i] ⋈ b[i] as BOOL, with broadcasting. */
final class CompareKernels {
  private CompareKernels() {}

  static Runnable bind(KernelArgs args) {
    CompareOp op = (CompareOp) args.op();
    return args.input(0).dtype().isFloating()
        ? Elementwise.map(args, floating(op))
        : Elementwise.mapLongs(args, integral(op));
  }

  private static DoubleBinaryOperator floating(CompareOp op) {
    return switch (op) {
      case Equal _ -> (a, b) -> a == b ? 1 : 0;
      case NotEqual _ -> (a, b) -> a != b ? 1 : 0;
      case Less _ -> (a, b) -> a < b ? 1 : 0;
      case LessEqual _ -> (a, b) -> a <= b ? 1 : 0;
      case Greater _ -> (a, b) -> a > b ? 1 : 0;
      case GreaterEqual _ -> (a, b) -> a >= b ? 1 : 0;
      case And _, Or _, Xor _ -> throw new IllegalArgumentException(op.name() + " takes BOOL");
    };
  }

  private static LongBinaryOperator integral(CompareOp op) {
    return switch (op) {
      case Equal _ -> (a, b) -> a == b ? 1 : 0;
      case NotEqual _ -> (a, b) -> a != b ? 1 : 0;
      case Less _ -> (a, b) -> a < b ? 1 : 0;
      case LessEqual _ -> (a, b) -> a <= b ? 1 : 0;
      case Greater _ -> (a, b) -> a > b ? 1 : 0;
      case GreaterEqual _ -> (a, b) -> a >= b ? 1 : 0;
      case And _ -> (a, b) -> a & b;
      case Or _ -> (a, b) -> a | b;
      case Xor _ -> (a, b) -> a ^ b;
    };
  }
}
