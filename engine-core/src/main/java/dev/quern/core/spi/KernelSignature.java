package dev.quern.core.spi;

import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/**
 * What a kernel is chosen by: everything but the extents.
 *
 * @param op the operation with its attributes
 * @param inputs element types of the inputs
 * @param layouts layout class of each input
 * @param outputs element types of the outputs, residuals included; results never have gaps
 * @param residuals whether the residuals are wanted
 * @param precision EXACT, FAST or BF16, never AUTO
 */
public record KernelSignature(
    Op op,
    List<DType> inputs,
    List<LayoutClass> layouts,
    List<DType> outputs,
    boolean residuals,
    Precision precision) {

  /**
   * The signature of a call.
   *
   * @param op the operation
   * @param inputs its operands
   * @param outputs specs of its results, residuals included
   * @param residuals whether residuals are wanted
   * @param precision the engine's choice; what AUTO means follows from the weight of a product and
   *     from the keys of attention, also in its gradients
   * @return the signature
   */
  public static KernelSignature of(
      Op op,
      List<Tensor> inputs,
      List<TensorSpec> outputs,
      boolean residuals,
      Precision precision) {
    boolean stored =
        op instanceof MatMulOp
            || op instanceof FusedOp
            || op instanceof AttentionOp.Attention
            || op instanceof AttentionGradOp;
    DType weight = stored && inputs.size() > 1 ? inputs.get(1).dtype() : ScalarType.F32;
    return new KernelSignature(
        op,
        inputs.stream().map(Tensor::dtype).toList(),
        inputs.stream().map(t -> LayoutClass.of(t.layout())).toList(),
        outputs.stream().map(TensorSpec::dtype).toList(),
        residuals,
        precision.resolve(weight));
  }

  /**
   * Whether no input has gaps.
   *
   * @return true if so
   */
  public boolean allContiguous() {
    return layouts.stream().allMatch(l -> l == LayoutClass.CONTIGUOUS);
  }

  /**
   * The same call after inputs were copied to close gaps; inputs that are written stay as they are.
   *
   * @return a signature whose layouts are contiguous
   */
  public KernelSignature packed() {
    List<LayoutClass> packed =
        new ArrayList<>(Collections.nCopies(layouts.size(), LayoutClass.CONTIGUOUS));
    for (int i : op.writes()) {
      packed.set(i, layouts.get(i));
    }
    return new KernelSignature(op, inputs, List.copyOf(packed), outputs, residuals, precision);
  }

  /**
   * The call in a line.
   *
   * @return for example {@code linear(F32, Q8_0 rows) FAST}
   */
  @Override
  public String toString() {
    StringBuilder s = new StringBuilder(op.name()).append('(');
    for (int i = 0; i < inputs.size(); i++) {
      s.append(i == 0 ? "" : ", ").append(inputs.get(i).name());
      if (layouts.get(i) != LayoutClass.CONTIGUOUS) {
        s.append(' ').append(layouts.get(i).name().toLowerCase(Locale.ROOT));
      }
    }
    return s.append(") ").append(precision).append(residuals ? " +residuals" : "").toString();
  }
}
