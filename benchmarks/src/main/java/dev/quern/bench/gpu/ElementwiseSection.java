package dev.quern.bench.gpu;

import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;

/** Operations on 2²⁸ elements: one pass over memory. */
final class ElementwiseSection {
  private final Lab lab;
  private final long elements;
  private final long side;

  private ElementwiseSection(Lab lab) {
    this.lab = lab;
    elements = lab.size(1L << 28, 1 << 10);
    side = lab.size(8192, 64);
  }

  static void run(Lab lab) {
    ElementwiseSection s = new ElementwiseSection(lab);
    s.unary("exp", ScalarType.F32, Tensor::exp);
    s.unary("exp", ScalarType.BF16, Tensor::exp);
    s.unary("gelu", ScalarType.BF16, Tensor::gelu);
    s.unary("cast to BF16", ScalarType.F32, x -> x.cast(ScalarType.BF16));
    s.unary("cast to F32", ScalarType.BF16, x -> x.cast(ScalarType.F32));
    s.unary("cast to F8_E4M3", ScalarType.BF16, x -> x.cast(ScalarType.F8_E4M3));
    s.binary("add", ScalarType.F32, Tensor::add);
    s.binary("add", ScalarType.BF16, Tensor::add);
    s.binary("less", ScalarType.F32, Tensor::less);
    s.binary("swiglu", ScalarType.BF16, Tensor::swiGlu);
    s.where();
    s.row();
    s.dropout();
    s.copies();
    s.adamW();
  }

  private Figure figure(String name, ScalarType type, String size) {
    return Section.ELEMENTWISE.figure(name + " " + type + " " + size);
  }

  private void unary(String name, ScalarType type, UnaryOperator<Tensor> op) {
    lab.measure(
        figure(name, type, Long.toString(elements)),
        o -> {
          Tensor x = o.normal(type, elements);
          return () -> List.of(op.apply(x));
        });
  }

  private void binary(String name, ScalarType type, BinaryOperator<Tensor> op) {
    lab.measure(
        figure(name, type, Long.toString(elements)),
        o -> {
          Tensor a = o.normal(type, elements);
          Tensor b = o.normal(type, elements);
          return () -> List.of(op.apply(a, b));
        });
  }

  private void where() {
    lab.measure(
        figure("where", ScalarType.F32, Long.toString(elements)),
        o -> {
          Tensor condition = o.zeros(ScalarType.BOOL, elements);
          Tensor a = o.normal(ScalarType.F32, elements);
          Tensor b = o.normal(ScalarType.F32, elements);
          return () -> List.of(condition.where(a, b));
        });
  }

  /** One operand is a row that all rows meet. */
  private void row() {
    long columns = lab.size(4096, 32);
    lab.measure(
        figure("add a row", ScalarType.BF16, elements / columns + "x" + columns),
        o -> {
          Tensor a = o.normal(ScalarType.BF16, elements / columns, columns);
          Tensor b = o.normal(ScalarType.BF16, columns);
          return () -> List.of(a.add(b));
        });
  }

  private void dropout() {
    lab.measure(
        figure("dropout", ScalarType.BF16, Long.toString(elements)),
        o -> {
          Tensor x = o.normal(ScalarType.BF16, elements);
          Tensor seed = o.zeros(ScalarType.I64, 2);
          return () -> List.of(x.dropout(0.1f, seed));
        });
  }

  private void copies() {
    for (ScalarType type : List.of(ScalarType.I8, ScalarType.BF16, ScalarType.F32)) {
      lab.measure(
          figure("transpose", type, side + "x" + side),
          o -> {
            Tensor x = o.zeros(type, side, side);
            return () -> List.of(x.transpose().contiguous());
          });
    }
    lab.measure(
        figure("copy of a slice", ScalarType.F32, side + "x" + (side - 8))
            .withBytes(2.0 * Float.BYTES * side * (side - 8)),
        o -> {
          Tensor x = o.normal(ScalarType.F32, side, side);
          return () -> List.of(x.slice(1, 4, side - 8).contiguous());
        });
  }

  /** Parameter, gradient and two means are read, all but the gradient written. */
  private void adamW() {
    lab.measure(
        figure("adamw", ScalarType.F32, Long.toString(elements))
            .withBytes(7.0 * Float.BYTES * elements),
        o -> {
          Tensor p = o.normal(ScalarType.F32, elements);
          Tensor g = o.normal(ScalarType.F32, elements);
          Tensor m = o.zeros(ScalarType.F32, elements);
          Tensor v = o.zeros(ScalarType.F32, elements);
          Tensor scalars = o.zeros(ScalarType.F32, 4);
          Tensor scale = o.zeros(ScalarType.F32);
          BufferOp.AdamW op = new BufferOp.AdamW(0.9, 0.95, 1e-8);
          return () -> {
            p.adamW(g, m, v, scalars, scale, op);
            return List.of();
          };
        });
  }
}
