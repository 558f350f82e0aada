package dev.quern.kernels.cpu;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.KernelConformance;
import java.util.List;
import java.util.Set;

/** The Vector API kernels against the reference, and the list of what they leave to it. */
class VectorConformanceTest extends KernelConformance {
  private static final Set<DType> FLOATS = Set.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16);
  private static final Set<DType> WEIGHTS =
      Set.of(
          ScalarType.F32,
          ScalarType.F16,
          ScalarType.BF16,
          ScalarType.F8_E4M3,
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

  @Override
  protected KernelProvider provider() {
    VectorProvider p = new VectorProvider();
    p.probe();
    return p;
  }

  @Override
  protected boolean declines(KernelSignature s) {
    Op op = s.op();
    return switch (op) {
      case UnaryOp _, BinaryOp _, CompareOp _ -> !floatsOrBooleans(s.inputs());
      case DataOp.Where _ -> !floatsOrBooleans(s.inputs().subList(1, 3));
      case DataOp.Cast(DType to) -> !casts(s.inputs().getFirst()) || !casts(to);
      case MatMulOp _ ->
          !FLOATS.contains(s.inputs().getFirst())
              || !WEIGHTS.contains(s.inputs().get(1))
              || (s.inputs().size() > 2 && s.layouts().get(2) != LayoutClass.CONTIGUOUS);
      case ReduceOp.Prod _ -> true;
      case ReduceOp _ -> !floats(s.inputs());
      case NormOp _ -> !floats(s.inputs()) || !s.allContiguous();
      case Rope _ ->
          !FLOATS.contains(s.inputs().getFirst())
              || !rows(s, 0)
              || s.layouts().get(2) != LayoutClass.CONTIGUOUS;
      case Attention _ ->
          !FLOATS.contains(s.inputs().getFirst())
              || !(FLOATS.contains(s.inputs().get(1))
                  || s.inputs().get(1) == ScalarType.F8_E4M3
                  || (s.inputs().get(1) == BlockType.Q8_0 && rows(s, 1) && rows(s, 2)));
      case DataOp.Embedding _ ->
          !WEIGHTS.contains(s.inputs().getFirst())
              || !rows(s, 0)
              || s.layouts().get(1) != LayoutClass.CONTIGUOUS;
      case DataOp.Contiguous _, DataOp.Concat _, BufferOp.Assign _ ->
          s.inputs().stream().anyMatch(DType::isBlock);
      case BufferOp.CacheWrite _ -> !rows(s, 0) || !rows(s, 1);
      default -> true;
    };
  }

  private static boolean floats(List<DType> types) {
    return FLOATS.containsAll(types);
  }

  private static boolean floatsOrBooleans(List<DType> types) {
    return types.stream().allMatch(t -> t == ScalarType.BOOL || FLOATS.contains(t));
  }

  private static boolean casts(DType t) {
    return t == ScalarType.F8_E4M3 || floatsOrBooleans(List.of(t));
  }

  private static boolean rows(KernelSignature s, int i) {
    return s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
  }
}
