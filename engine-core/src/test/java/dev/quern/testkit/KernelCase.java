package dev.quern.testkit;

import dev.quern.core.op.Op;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * One call that every backend must get right.
 *
 * @param op the operation
 * @param inputs its operands
 * @param precision EXACT, FAST or BF16
 * @param residuals whether residuals are wanted
 */
public record KernelCase(Op op, List<Operand> inputs, Precision precision, boolean residuals) {

  static KernelCase of(Op op, Operand... inputs) {
    return new KernelCase(op, List.of(inputs), Precision.EXACT, false);
  }

  KernelCase fast() {
    return new KernelCase(op, inputs, Precision.FAST, residuals);
  }

  KernelCase rounded() {
    return new KernelCase(op, inputs, Precision.BF16, residuals);
  }

  KernelCase withResiduals() {
    return new KernelCase(op, inputs, precision, true);
  }

  /** The same with other values in its last inputs, which are I32. */
  KernelCase withLast(double[]... values) {
    List<Operand> in = new ArrayList<>(inputs);
    for (int i = 0; i < values.length; i++) {
      int at = in.size() - values.length + i;
      in.set(
          at,
          new Samples(0)
              .given(ScalarType.I32, LayoutKind.CONTIGUOUS, in.get(at).view().shape(), values[i]));
    }
    return new KernelCase(op, List.copyOf(in), precision, residuals);
  }

  /** Dtypes and shapes of the inputs. */
  List<TensorSpec> specs() {
    return inputs.stream().map(Operand::spec).toList();
  }

  /** Dtypes and shapes of results and residuals. */
  List<TensorSpec> results() {
    List<TensorSpec> results = new ArrayList<>(op.infer(specs()));
    if (residuals) {
      results.addAll(op.residuals(specs()));
    }
    return results;
  }

  /** What the kernel is found by. */
  KernelSignature signature() {
    return new KernelSignature(
        op,
        inputs.stream().map(o -> o.view().dtype()).toList(),
        inputs.stream().map(o -> LayoutClass.of(o.view().layout())).toList(),
        results().stream().map(TensorSpec::dtype).toList(),
        residuals,
        precision);
  }

  /** The group it is reported in: operation, precision and dtypes. */
  String group() {
    StringBuilder s = new StringBuilder(op.name());
    for (Operand o : inputs) {
      DType d = o.view().dtype();
      s.append(' ').append(d.name());
    }
    if (inputs.isEmpty()) {
      s.append(' ').append(results().getFirst().dtype().name());
    }
    return s.append(precision == Precision.FAST ? " FAST" : "").toString();
  }

  /** Everything, for a failure's message. */
  @Override
  public String toString() {
    StringBuilder s = new StringBuilder(op.toString());
    for (Operand o : inputs) {
      s.append(' ').append(o.view().dtype().name()).append(o.view().layout());
    }
    return s.append(' ').append(precision).append(residuals ? " +residuals" : "").toString();
  }
}
