package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Elementwise functions: which loop computes which operation. Any layouts; F32, F16 and BF16, each
 * operand rounded once, and BOOL as 1 and 0 where the operation takes it.
 *
 * @param name for explain
 * @param unary the loop, if it takes one operand
 * @param binary the loop, if it takes two
 */
record ElementKernel(String name, @Nullable Unary unary, @Nullable Binary binary)
    implements Kernel {

  /** A loop over one operand. */
  @FunctionalInterface
  interface Unary {
    void run(MemorySegment a, long aAt, MemorySegment y, long yAt, int n);
  }

  /** A loop over two operands. */
  @FunctionalInterface
  interface Binary {
    void run(
        MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment y, long yAt, int n);
  }

  /** The kernel for a call, or null. */
  static @Nullable Kernel find(KernelSignature s) {
    Op op = s.op();
    List<DType> in = op instanceof DataOp.Where ? s.inputs().subList(1, 3) : s.inputs();
    for (DType t : in) {
      if (!handles(t) && !(op instanceof DataOp.Cast && Convert.converts(t))) {
        return null;
      }
    }
    Unary unary =
        switch (op) {
          case UnaryOp u -> unary(u);
          case DataOp.Cast(DType to) when handles(to) || Convert.converts(to) -> UnaryLoops::same;
          default -> null;
        };
    Binary binary =
        switch (op) {
          case BinaryOp b -> binary(b);
          case CompareOp c -> compare(c);
          default -> null;
        };
    boolean known = unary != null || binary != null || op instanceof DataOp.Where;
    return known ? new ElementKernel(op.name() + " vector", unary, binary) : null;
  }

  private static boolean handles(DType t) {
    return t == ScalarType.BOOL || Convert.handles(t);
  }

  private static Unary unary(UnaryOp op) {
    return switch (op) {
      case UnaryOp.Neg _ -> UnaryLoops::neg;
      case UnaryOp.Abs _ -> UnaryLoops::abs;
      case UnaryOp.Exp _ -> UnaryLoops::exp;
      case UnaryOp.Log _ -> UnaryLoops::log;
      case UnaryOp.Sqrt _ -> UnaryLoops::sqrt;
      case UnaryOp.Rsqrt _ -> UnaryLoops::rsqrt;
      case UnaryOp.Reciprocal _ -> UnaryLoops::reciprocal;
      case UnaryOp.Tanh _ -> UnaryLoops::tanh;
      case UnaryOp.Erf _ -> ErfLoops::erf;
      case UnaryOp.Sigmoid _ -> UnaryLoops::sigmoid;
      case UnaryOp.Relu _ -> UnaryLoops::relu;
      case UnaryOp.Gelu(boolean tanh) -> tanh ? UnaryLoops::geluTanh : ErfLoops::gelu;
      case UnaryOp.Silu _ -> UnaryLoops::silu;
      case UnaryOp.Clip(double low, double high) -> {
        float l = (float) low;
        float h = (float) high;
        yield (a, aAt, y, yAt, n) -> UnaryLoops.clip(a, aAt, y, yAt, n, l, h);
      }
      case UnaryOp.Sin _ -> VectorTrig::sin;
      case UnaryOp.Cos _ -> VectorTrig::cos;
      case UnaryOp.Not _ -> UnaryLoops::not;
    };
  }

  private static Binary binary(BinaryOp op) {
    return switch (op) {
      case BinaryOp.Add _ -> BinaryLoops::add;
      case BinaryOp.Sub _ -> BinaryLoops::sub;
      case BinaryOp.Mul _ -> BinaryLoops::mul;
      case BinaryOp.Div _ -> BinaryLoops::div;
      case BinaryOp.Maximum _ -> BinaryLoops::maximum;
      case BinaryOp.Minimum _ -> BinaryLoops::minimum;
      case BinaryOp.SwiGlu _ -> BinaryLoops::swiGlu;
      case BinaryOp.GeGlu(boolean tanh) -> tanh ? BinaryLoops::geGluTanh : BinaryLoops::geGlu;
      case BinaryOp.Pow _ -> PowLoops::pow;
    };
  }

  private static Binary compare(CompareOp op) {
    return switch (op) {
      case CompareOp.Equal _ -> BinaryLoops::equal;
      case CompareOp.NotEqual _ -> BinaryLoops::notEqual;
      case CompareOp.Less _ -> BinaryLoops::less;
      case CompareOp.LessEqual _ -> BinaryLoops::lessEqual;
      case CompareOp.Greater _ -> BinaryLoops::greater;
      case CompareOp.GreaterEqual _ -> BinaryLoops::greaterEqual;
      case CompareOp.And _ -> BinaryLoops::mul;
      case CompareOp.Or _ -> BinaryLoops::maximum;
      case CompareOp.Xor _ -> BinaryLoops::notEqual;
    };
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return ElementTask.scratchBytes(inputs, outputs.getFirst());
  }

  @Override
  public Runnable bind(KernelArgs args) {
    Unary u = unary;
    Binary b = binary;
    if (u != null) {
      return new ElementTask(args) {
        @Override
        void compute(Piece p, int n) {
          u.run(p.segments[0], p.at[0], p.segments[1], p.at[1], n);
        }
      };
    }
    if (b != null) {
      return new ElementTask(args) {
        @Override
        void compute(Piece p, int n) {
          b.run(p.segments[0], p.at[0], p.segments[1], p.at[1], p.segments[2], p.at[2], n);
        }
      };
    }
    assert args.input(0).dtype() == ScalarType.BOOL;
    return new ElementTask(args) {
      @Override
      void compute(Piece p, int n) {
        BinaryLoops.where(p, n);
      }
    };
  }
}
