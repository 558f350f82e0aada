package dev.quern.kernels.ffm;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.KernelConformance;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;

/** The conformance kit for every tier that this machine has. */
class NativeConformanceTest {
  private static final Set<DType> WEIGHTS =
      Set.of(
          ScalarType.F32,
          ScalarType.F16,
          ScalarType.BF16,
          BlockType.Q8_0,
          BlockType.Q4_0,
          BlockType.Q4_1,
          BlockType.Q5_0,
          BlockType.Q5_1,
          BlockType.Q2_K,
          BlockType.Q3_K,
          BlockType.Q4_K,
          BlockType.Q5_K,
          BlockType.Q6_K,
          BlockType.IQ4_NL,
          BlockType.IQ4_XS);

  /** What is written by C too; the rest is quantised by the reference. */
  private static final Set<DType> WRITTEN =
      Set.of(
          ScalarType.F16,
          ScalarType.BF16,
          BlockType.Q8_0,
          BlockType.Q4_0,
          BlockType.Q4_K,
          BlockType.Q6_K);

  /** Plain C. */
  @Nested
  class Baseline extends Tiered {
    Baseline() {
      super(Tier.BASELINE);
    }
  }

  /** AVX2. */
  @Nested
  class Avx2 extends Tiered {
    Avx2() {
      super(Tier.AVX2);
    }
  }

  /** AVX-512. */
  @Nested
  class Avx512 extends Tiered {
    Avx512() {
      super(Tier.AVX512);
    }
  }

  /** AMX. */
  @Nested
  class Amx extends Tiered {
    Amx() {
      super(Tier.AMX);
    }
  }

  /** The kit with tiers up to one. */
  abstract static class Tiered extends KernelConformance {
    private final Tier tier;

    Tiered(Tier tier) {
      this.tier = tier;
    }

    @Override
    protected KernelProvider provider() {
      return new Capped(Harness.tier(tier));
    }

    @Override
    protected boolean declines(KernelSignature s) {
      return !(switch (s.op()) {
        case MatMulOp.Linear(boolean bias) -> linear(s) && (wide(s) || (narrow(s) && !bias));
        case MatMulOp.MatMul _ -> matMul(s);
        case AttentionOp.Attention op -> attention(s, op);
        case NormOp.Softmax(int axis) -> axis == -1 && plain(s);
        case NormOp.LogSoftmax(int axis) -> axis == -1 && plain(s);
        case NormOp.RmsNorm _ -> plain(s);
        case NormOp.LayerNorm _ -> plain(s);
        case AttentionOp.Rope _ -> s.inputs().getFirst() == ScalarType.F32 && s.allContiguous();
        case UnaryOp.Exp _, UnaryOp.Sigmoid _, UnaryOp.Silu _, UnaryOp.Gelu _ -> plain(s);
        case BinaryOp.Add _, BinaryOp.Mul _, BinaryOp.SwiGlu _, BinaryOp.GeGlu _ -> plain(s);
        case DataOp.Embedding _ ->
            WEIGHTS.contains(s.inputs().getFirst())
                && rows(s.layouts().getFirst())
                && s.layouts().get(1) == LayoutClass.CONTIGUOUS;
        case ActivationGradOp _ -> plain(s);
        case NormGradOp _ -> plain(s) && s.inputs().getFirst() == ScalarType.F32;
        case LossOp.CrossEntropy op -> !op.weighted() && unrounded(s);
        case LossOp.CrossEntropyGrad op -> !op.weighted() && unrounded(s);
        case DropoutOp _, BufferOp.AdamW _ -> unrounded(s);
        case AttentionGradOp.AttentionGrad _ -> attentionGrad(s);
        case BufferOp.CacheWrite _ ->
            rows(s.layouts().get(0))
                && rows(s.layouts().get(1))
                && (s.inputs().get(0) != ScalarType.F8_E4M3
                    || s.inputs().get(1) == ScalarType.F8_E4M3);
        case ReduceOp.Sum sum ->
            s.inputs().getFirst() == ScalarType.F32
                && s.allContiguous()
                && SumKernel.leading(sum.axes());
        case ScatterOp.IndexAdd(int axis) ->
            axis == 0
                && s.inputs().getFirst() == ScalarType.F32
                && s.layouts().get(1) == LayoutClass.CONTIGUOUS
                && s.layouts().get(2) == LayoutClass.CONTIGUOUS;
        case DataOp.Cast(DType to) -> s.allContiguous() && cast(s.inputs().getFirst(), to);
        default -> false;
      });
    }

    private static boolean plain(KernelSignature s) {
      DType type = s.inputs().getFirst();
      return s.allContiguous()
          && List.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16).contains(type)
          && s.inputs().stream().allMatch(t -> t == type);
    }

    private static boolean wide(KernelSignature s) {
      return s.inputs().getFirst() == ScalarType.F32 && WEIGHTS.contains(s.inputs().get(1));
    }

    /** BF16 in and out, on tiles. */
    private boolean narrow(KernelSignature s) {
      return tier.compareTo(Tier.AVX512) >= 0
          && s.precision() != Precision.EXACT
          && s.inputs().stream().allMatch(t -> t == ScalarType.BF16);
    }

    private static boolean linear(KernelSignature s) {
      return s.layouts().getFirst() == LayoutClass.CONTIGUOUS && rows(s.layouts().get(1));
    }

    private boolean matMul(KernelSignature s) {
      DType x = s.inputs().getFirst();
      DType w = s.inputs().get(1);
      boolean general = x == w && (x == ScalarType.F32 || x == ScalarType.F64);
      boolean transposed = w.isBlock() || s.layouts().get(1) == LayoutClass.COLUMNS;
      return general || ((wide(s) || narrow(s)) && transposed && rows(s.layouts().getFirst()));
    }

    private static boolean rows(LayoutClass l) {
      return l == LayoutClass.CONTIGUOUS || l == LayoutClass.ROWS;
    }

    private static boolean attention(KernelSignature s, AttentionOp.Attention op) {
      List<DType> in = s.inputs();
      return in.getFirst() != ScalarType.F64
          && in.get(1) != ScalarType.F8_E4M3
          && IntStream.range(0, 3).allMatch(i -> rows(s.layouts().get(i)))
          && (!op.hasMask() || in.get(3) == ScalarType.F32 || in.get(3) == ScalarType.BOOL);
    }

    /** F32 first, and nothing with gaps. */
    private static boolean unrounded(KernelSignature s) {
      return s.inputs().getFirst() == ScalarType.F32 && s.allContiguous();
    }

    private static boolean attentionGrad(KernelSignature s) {
      int g = AttentionGradOp.AttentionGrad.gradientIndex(s.inputs().size());
      return s.inputs().getFirst() == ScalarType.F32
          && s.inputs().get(1) == ScalarType.F32
          && IntStream.of(0, 1, 2, g).allMatch(i -> rows(s.layouts().get(i)));
    }

    private static boolean cast(DType from, DType to) {
      return from != to
          && ((from == ScalarType.F32 && WRITTEN.contains(to))
              || (to == ScalarType.F32 && WEIGHTS.contains(from)));
    }
  }

  record Capped(Functions functions) implements KernelProvider {
    @Override
    public String name() {
      return "native";
    }

    @Override
    public int priority() {
      return 200;
    }

    @Override
    public Probe probe() {
      return new Probe.Usable(functions.describe());
    }

    @Override
    public @Nullable Kernel find(KernelSignature signature) {
      return NativeKernels.find(functions, signature);
    }
  }
}
