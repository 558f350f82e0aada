package dev.quern.testkit;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.BatchNormOp;
import dev.quern.core.op.BinaryOp.GeGlu;
import dev.quern.core.op.BinaryOp.Maximum;
import dev.quern.core.op.BinaryOp.Minimum;
import dev.quern.core.op.BinaryOp.Pow;
import dev.quern.core.op.BinaryOp.SwiGlu;
import dev.quern.core.op.BufferOp.AdamW;
import dev.quern.core.op.ConvOp;
import dev.quern.core.op.CreateOp.RandomNormal;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp.LayerNorm;
import dev.quern.core.op.NormOp.LogSoftmax;
import dev.quern.core.op.NormOp.RmsNorm;
import dev.quern.core.op.NormOp.Softmax;
import dev.quern.core.op.Op;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.op.ReduceOp.LogSumExp;
import dev.quern.core.op.ReduceOp.Max;
import dev.quern.core.op.ReduceOp.Mean;
import dev.quern.core.op.ReduceOp.Min;
import dev.quern.core.op.ReduceOp.Prod;
import dev.quern.core.op.ReduceOp.Sum;
import dev.quern.core.op.ReduceOp.Var;
import dev.quern.core.op.ScanOp.CumSum;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.UnaryOp.Clip;
import dev.quern.core.op.UnaryOp.Cos;
import dev.quern.core.op.UnaryOp.Erf;
import dev.quern.core.op.UnaryOp.Exp;
import dev.quern.core.op.UnaryOp.Gelu;
import dev.quern.core.op.UnaryOp.Log;
import dev.quern.core.op.UnaryOp.Relu;
import dev.quern.core.op.UnaryOp.Rsqrt;
import dev.quern.core.op.UnaryOp.Sigmoid;
import dev.quern.core.op.UnaryOp.Silu;
import dev.quern.core.op.UnaryOp.Sin;
import dev.quern.core.op.UnaryOp.Tanh;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;

/**
 * How far a backend's result y may be from the reference r, which is right to half a unit of the
 * result's dtype: |y − r| ≤ ulps · ulp(r) + (scaled · s + absolute) · ε, with ε = 2⁻²³ (2⁻⁵² for
 * F64). What s is depends on the operation: for sums and products Σ|terms|, else the largest finite
 * |r|. 16-bit results get one more ulp for their own rounding. NaN must be NaN, and infinities must
 * be equal.
 *
 * <p>This file is the whole table. An operation that is not in it must agree bit for bit; integers
 * always must.
 *
 * @param ulps units in the last place of the result
 * @param scaled times ε times s
 * @param absolute times ε
 * @param exact whether the bits must be equal
 * @param signedZero whether +0 and −0 differ (only if exact)
 * @param underflows whether a first factor may become 0 before it meets an infinity: 0·∞ is NaN
 *     where the reference, whose first factor has F64's range, has ∞
 */
public record Tolerance(
    double ulps,
    double scaled,
    double absolute,
    boolean exact,
    boolean signedZero,
    boolean underflows) {
  private static final Tolerance BITS = new Tolerance(0, 0, 0, true, true, false);
  private static final Tolerance EQUAL = new Tolerance(0, 0, 0, true, false, false);

  /**
   * 8-bit activations are off by up to 1/254 of their block's largest, small ones that meet large
   * weights too: 2.2% of Σ|terms| has been seen in a correct product of one block of 32.
   */
  private static final double FAST_SCALED = 0.04 / 0x1p-23;

  /** Exponentials and values rounded to BF16: 2^-8 of each at most. */
  private static final double FAST_ATTENTION = 0x1p-7 / 0x1p-23;

  /** Queries and keys as well: exp multiplies what a score loses. */
  private static final double ROUNDED_ATTENTION = 0x1p-6 / 0x1p-23;

  private static Tolerance of(double ulps, double scaled, double absolute) {
    return new Tolerance(ulps, scaled, absolute, false, false, false);
  }

  private Tolerance underflowing() {
    return new Tolerance(ulps, scaled, absolute, exact, signedZero, true);
  }

  /**
   * The line of the table.
   *
   * @param op the operation
   * @param precision EXACT, FAST or BF16
   * @return what is allowed
   */
  public static Tolerance of(Op op, Precision precision) {
    return switch (op) {
      case Relu _, Clip _, Maximum _, Minimum _, Max _, Min _, MaxPool _ -> EQUAL;
      case Exp _, Log _, Tanh _, Erf _, Sin _, Cos _ -> of(4, 0, 2);
      case Rsqrt _ -> of(4, 0, 0);
      case Sigmoid _, Silu _ -> of(8, 0, 0);
      case Gelu _ -> of(8, 0, 16);
      case SwiGlu _ -> of(12, 0, 0).underflowing();
      case GeGlu _ -> of(12, 2, 16).underflowing();
      case Pow _ -> of(32, 0, 0);
      case Sum _, Mean _ -> of(1, 16, 0);
      case Prod _ -> of(256, 0, 0);
      case Var _ -> of(4, 32, 0);
      case LogSumExp _ -> of(8, 0, 8);
      case Softmax _ -> of(16, 16, 0);
      case LogSoftmax _ -> of(8, 8, 8);
      case RmsNorm _ -> of(16, 4, 0);
      case LayerNorm _ -> of(8, 64, 0);
      case MatMulOp _ -> precision == Precision.EXACT ? of(1, 32, 0) : of(1, FAST_SCALED, 0);
      case Rope _ -> of(4, 16, 0);
      case Attention _ ->
          switch (precision) {
            case AUTO, EXACT -> of(8, 128, 0);
            case FAST -> of(8, FAST_ATTENTION, 0);
            case BF16 -> of(8, ROUNDED_ATTENTION, 0);
          };
      case LossOp _ -> of(16, 8, 8);
      case ActivationGradOp _ -> of(16, 4, 16);
      case NormGradOp _ -> of(16, 64, 0);
      case AttentionGradOp _ ->
          switch (precision) {
            case AUTO, EXACT -> of(8, 256, 0);
            case FAST -> of(8, 2 * FAST_ATTENTION, 0);
            case BF16 -> of(8, 2 * ROUNDED_ATTENTION, 0);
          };
      case ScatterOp _, CumSum _, AvgPool _ -> of(1, 16, 0);
      case ConvOp _ -> of(1, 64, 0);
      case BatchNormOp _ -> of(8, 64, 0);
      case DropoutOp _ -> of(2, 0, 0);
      case RandomNormal _ -> of(2, 0, 2);
      case AdamW _ -> of(4, 8, 0);
      default -> BITS;
    };
  }

  /**
   * Whether a result is near enough.
   *
   * @param type the result's dtype
   * @param expected the reference, r
   * @param actual the backend's, y
   * @param s the scale
   * @return true if so
   */
  public boolean accepts(ScalarType type, double expected, double actual, double s) {
    if (Double.isNaN(expected) || Double.isNaN(actual)) {
      boolean lost = underflows && Double.isInfinite(expected);
      return Double.isNaN(actual) && (Double.isNaN(expected) || lost);
    }
    if (exact || !type.isFloating()) {
      return expected == actual
          && (!signedZero
              || Double.doubleToRawLongBits(expected) == Double.doubleToRawLongBits(actual));
    }
    double own = type == ScalarType.F16 || type == ScalarType.BF16 ? 1 : 0;
    double epsilon = type == ScalarType.F64 ? 0x1p-52 : 0x1p-23;
    double flushed = type == ScalarType.F32 || type == ScalarType.BF16 ? 0x1p-126 : 0;
    if (Double.isInfinite(expected) || Double.isInfinite(actual)) {
      return expected == actual || overflowsTogether(type, expected, actual);
    }
    double share = scaled == 0 ? 0 : scaled * s;
    double allowed =
        (ulps + own) * Values.ulp(type, expected) + (share + absolute) * epsilon + flushed;
    return Math.abs(expected - actual) <= allowed;
  }

  /** One is infinite and the other within the tolerance of overflowing. */
  private boolean overflowsTogether(ScalarType type, double a, double b) {
    double largest =
        switch (type) {
          case F64 -> Double.MAX_VALUE;
          case F16 -> 65504;
          default -> Float.MAX_VALUE;
        };
    double smaller = Math.min(Math.abs(a), Math.abs(b));
    return Math.signum(a) == Math.signum(b)
        && smaller >= largest - (ulps + 1) * Values.ulp(type, largest);
  }
}
