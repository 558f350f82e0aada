package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.kernel.Walk.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.List;

/**
 * Functions of one to three elements: {@code unary.cu}, {@code binary.cu}, {@code compare.cu},
 * {@code cast.cu}, {@code where.cu}, {@code activation_grad.cu}. The numbers of the operations are
 * those of the sources.
 */
final class ElementKernels {
  private static final int GROUP_BYTES = 16;
  private static final int CAST_GROUP = 8;

  private final CudaDevice device;

  ElementKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable unary(KernelArgs args) {
    UnaryOp op = (UnaryOp) args.op();
    double low = op instanceof UnaryOp.Clip c ? c.low() : 0;
    double high = op instanceof UnaryOp.Clip c ? c.high() : 0;
    DType t = args.input(0).dtype();
    List<Walk> walks =
        Walk.over(
            args.output().shape(), group(t), Operand.of(args.output()), Operand.of(args.input(0)));
    return Launches.over(
        device,
        "unary",
        "unary_" + Launches.name(t),
        walks,
        p -> p.float64(low).float64(high).int32(number(op)));
  }

  private static int number(UnaryOp op) {
    return switch (op) {
      case UnaryOp.Neg _ -> 0;
      case UnaryOp.Abs _ -> 1;
      case UnaryOp.Exp _ -> 2;
      case UnaryOp.Log _ -> 3;
      case UnaryOp.Sqrt _ -> 4;
      case UnaryOp.Rsqrt _ -> 5;
      case UnaryOp.Reciprocal _ -> 6;
      case UnaryOp.Tanh _ -> 7;
      case UnaryOp.Erf _ -> 8;
      case UnaryOp.Sigmoid _ -> 9;
      case UnaryOp.Sin _ -> 10;
      case UnaryOp.Cos _ -> 11;
      case UnaryOp.Relu _ -> 12;
      case UnaryOp.Gelu(boolean tanh) -> tanh ? 14 : 13;
      case UnaryOp.Silu _ -> 15;
      case UnaryOp.Clip _ -> 16;
      case UnaryOp.Not _ -> 17;
    };
  }

  Runnable binary(KernelArgs args) {
    BinaryOp op = (BinaryOp) args.op();
    DType t = args.input(0).dtype();
    return Launches.over(
        device, "binary", "binary_" + Launches.name(t), two(args), p -> p.int32(number(op)));
  }

  /** The number that sources have for an operation. */
  static int number(BinaryOp op) {
    return switch (op) {
      case BinaryOp.Add _ -> 0;
      case BinaryOp.Sub _ -> 1;
      case BinaryOp.Mul _ -> 2;
      case BinaryOp.Div _ -> 3;
      case BinaryOp.Pow _ -> 4;
      case BinaryOp.Maximum _ -> 5;
      case BinaryOp.Minimum _ -> 6;
      case BinaryOp.SwiGlu _ -> 7;
      case BinaryOp.GeGlu(boolean tanh) -> tanh ? 9 : 8;
    };
  }

  Runnable compare(KernelArgs args) {
    CompareOp op = (CompareOp) args.op();
    DType t = args.input(0).dtype();
    return Launches.over(
        device, "compare", "compare_" + Launches.name(t), two(args), p -> p.int32(number(op)));
  }

  private static int number(CompareOp op) {
    return switch (op) {
      case CompareOp.Equal _ -> 0;
      case CompareOp.NotEqual _ -> 1;
      case CompareOp.Less _ -> 2;
      case CompareOp.LessEqual _ -> 3;
      case CompareOp.Greater _ -> 4;
      case CompareOp.GreaterEqual _ -> 5;
      case CompareOp.And _ -> 6;
      case CompareOp.Or _ -> 7;
      case CompareOp.Xor _ -> 8;
    };
  }

  private static List<Walk> two(KernelArgs args) {
    return Walk.over(
        args.output().shape(),
        group(args.input(0).dtype()),
        Operand.of(args.output()),
        Operand.of(args.input(0)),
        Operand.of(args.input(1)));
  }

  Runnable where(KernelArgs args) {
    TensorView y = args.output();
    List<Walk> walks =
        Walk.over(
            y.shape(),
            group(y.dtype()),
            Operand.of(y),
            Operand.of(args.input(0)),
            Operand.of(args.input(1)),
            Operand.of(args.input(2)));
    return Launches.over(device, "where", "where_" + y.dtype().blockBytes(), walks, _ -> {});
  }

  Runnable cast(KernelArgs args) {
    return cast(args.input(0), args.output());
  }

  /** Rounds x's elements to y's dtype; x broadcasts to y. */
  Runnable cast(TensorView x, TensorView y) {
    List<Walk> walks = Walk.over(y.shape(), CAST_GROUP, Operand.of(y), Operand.of(x));
    int to = number((ScalarType) y.dtype());
    return Launches.over(
        device, "cast", "cast_" + Launches.name(x.dtype()), walks, p -> p.int32(to));
  }

  /** The number that sources have for a type. */
  static int number(ScalarType t) {
    return switch (t) {
      case F64 -> 0;
      case F32 -> 1;
      case F16 -> 2;
      case BF16 -> 3;
      case F8_E4M3 -> 4;
      case I64 -> 5;
      case I32 -> 6;
      case I16 -> 7;
      case I8 -> 8;
      case U8 -> 9;
      case BOOL -> 10;
    };
  }

  Runnable slope(KernelArgs args) {
    int f = number((ActivationGradOp) args.op());
    return Launches.over(
        device,
        "activation_grad",
        "activation_grad_" + Launches.name(args.input(0).dtype()),
        two(args),
        p -> p.int32(f));
  }

  Runnable gate(KernelArgs args) {
    int f = number((ActivationGradOp) args.op());
    DType t = args.input(0).dtype();
    List<Walk> walks =
        Walk.over(
            args.output().shape(),
            group(t),
            Operand.of(args.output()),
            Operand.of(args.outputs().get(1)),
            Operand.of(args.input(0)),
            Operand.of(args.input(1)),
            Operand.of(args.input(2)));
    return Launches.over(
        device, "activation_grad", "gate_grad_" + Launches.name(t), walks, p -> p.int32(f));
  }

  private static int number(ActivationGradOp op) {
    return switch (op) {
      case ActivationGradOp.SiluGrad _, ActivationGradOp.SwiGluGrad _ -> 0;
      case ActivationGradOp.GeluGrad(boolean tanh) -> tanh ? 2 : 1;
      case ActivationGradOp.GeGluGrad(boolean tanh) -> tanh ? 2 : 1;
    };
  }

  private static int group(DType t) {
    return GROUP_BYTES / t.blockBytes();
  }
}
