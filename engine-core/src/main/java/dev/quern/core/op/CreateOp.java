package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** Operations that make a tensor from nothing, or from a seed. */
public sealed interface CreateOp extends Op {

  /**
   * One value everywhere.
   *
   * @param dtype element type
   * @param shape extents
   * @param value rounded to the dtype; I64 values beyond 2^53 are given by {@link Arange}
   */
  record Full(ScalarType dtype, Shape shape, double value) implements CreateOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 0);
      return List.of(new TensorSpec(dtype, shape));
    }
  }

  /**
   * start, start + step, ...
   *
   * @param dtype element type
   * @param start first value
   * @param step difference
   * @param length how many
   */
  record Arange(ScalarType dtype, double start, double step, long length) implements CreateOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 0);
      Infer.numeric(this, List.of(TensorSpec.of(dtype, length)));
      return List.of(TensorSpec.of(dtype, length));
    }
  }

  /**
   * Uniform in [0, 1): element i is made from word i mod 4 of Philox4x32-10 (Salmon et al. 2011)
   * with key = seed and counter = offset + ⌊i / 4⌋, as (word ≫ 8) · 2⁻²⁴. Input: I64 [2], seed and
   * offset. The same on every backend and machine.
   *
   * @param dtype F32 or F64
   * @param shape extents
   */
  record RandomUniform(ScalarType dtype, Shape shape) implements CreateOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return random(this, in, dtype, shape);
    }
  }

  /**
   * Standard normal: Box–Muller on pairs of Philox words. Elements 2j and 2j+1 are r·cos θ and
   * r·sin θ with r = √(−2 ln((word + 1) · 2⁻³²)), θ = 2π · nextWord · 2⁻³², computed in F64. Input:
   * I64 [2], seed and offset.
   *
   * @param dtype F32 or F64
   * @param shape extents
   */
  record RandomNormal(ScalarType dtype, Shape shape) implements CreateOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return random(this, in, dtype, shape);
    }
  }

  private static List<TensorSpec> random(
      Op op, List<TensorSpec> in, ScalarType dtype, Shape shape) {
    Infer.arity(op, in, 1);
    Infer.require(op, in.getFirst(), "seed", ScalarType.I64);
    Infer.shape(op, in.getFirst(), "seed", Shape.of(2));
    TensorSpec out = new TensorSpec(dtype, shape);
    Infer.require(op, out, "result", ScalarType.F32, ScalarType.F64);
    return List.of(out);
  }
}
