package dev.quern.testkit;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the reference makes of a case; computed once per process, since a backend may run the kit
 * once per instruction set.
 *
 * @param results results, residuals, and the storages that were written
 * @param magnitude Σ|terms| of each result of a sum or a matrix product; null for others
 */
record Expected(List<TensorView> results, double @Nullable [] magnitude) {
  private static final Map<KernelCase, Expected> KNOWN =
      Collections.synchronizedMap(new IdentityHashMap<>());
  private static final ReferenceProvider REFERENCE = new ReferenceProvider();
  private static final TaskPool POOL = new TaskPool(1);

  static Expected of(KernelCase c) {
    return KNOWN.computeIfAbsent(c, Expected::compute);
  }

  private static Expected compute(KernelCase c) {
    KernelCase packed = packed(c);
    return new Expected(run(packed), magnitude(packed));
  }

  private static List<TensorView> run(KernelCase c) {
    Kernel kernel = Objects.requireNonNull(REFERENCE.find(c.signature()), c::toString);
    return KernelRunner.direct(kernel, c, POOL).views();
  }

  /** The reference sees operands without gaps, except those that are written. */
  private static KernelCase packed(KernelCase c) {
    List<Operand> inputs = new ArrayList<>();
    for (int i = 0; i < c.inputs().size(); i++) {
      Operand o = c.inputs().get(i);
      inputs.add(c.op().writes().contains(i) ? o : o.packed());
    }
    return new KernelCase(c.op(), inputs, c.precision(), c.residuals());
  }

  private static double @Nullable [] magnitude(KernelCase c) {
    boolean sums = c.op() instanceof ReduceOp.Sum || c.op() instanceof ReduceOp.Mean;
    boolean products = c.op() instanceof MatMulOp;
    if (!(sums || products) || !c.inputs().getFirst().view().dtype().isFloating()) {
      return null;
    }
    List<Operand> inputs = c.inputs().stream().map(Expected::absolute).toList();
    return Values.all(run(new KernelCase(c.op(), inputs, Precision.EXACT, false)).getFirst());
  }

  private static Operand absolute(Operand operand) {
    Operand o = operand.view().dtype().isBlock() ? operand.dequantized() : operand;
    Operand copy = o.duplicate();
    ScalarType t = (ScalarType) o.view().dtype();
    for (long p : Values.positions(o.view().layout())) {
      double x = Math.abs(Values.get(t, o.view().segment(), p));
      Values.set(t, copy.view().segment(), p, x);
    }
    return copy;
  }
}
