package dev.quern.testkit;

import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Elementwise functions of one and two operands, and predicates. */
final class ElementwiseCases {
  private static final List<ScalarType> FLOATS =
      List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16);
  private static final List<ScalarType> NUMBERS =
      List.of(
          ScalarType.F32,
          ScalarType.F64,
          ScalarType.F16,
          ScalarType.BF16,
          ScalarType.I64,
          ScalarType.I32,
          ScalarType.I16,
          ScalarType.I8,
          ScalarType.U8);

  private ElementwiseCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : NUMBERS) {
      unary(to, t, new UnaryOp.Neg(), Mix.HUGE);
      unary(to, t, new UnaryOp.Abs(), Mix.HUGE);
      unary(to, t, new UnaryOp.Clip(-1, 2), Mix.HUGE);
      unary(to, t, new UnaryOp.Clip(Double.NEGATIVE_INFINITY, 0.5), Mix.EDGES);
    }
    for (ScalarType t : FLOATS) {
      for (Op op :
          List.of(
              new UnaryOp.Exp(),
              new UnaryOp.Log(),
              new UnaryOp.Sqrt(),
              new UnaryOp.Rsqrt(),
              new UnaryOp.Reciprocal(),
              new UnaryOp.Tanh(),
              new UnaryOp.Erf(),
              new UnaryOp.Sigmoid(),
              new UnaryOp.Relu(),
              new UnaryOp.Gelu(false),
              new UnaryOp.Gelu(true),
              new UnaryOp.Silu())) {
        unary(to, t, op, Mix.HUGE);
      }
      unary(to, t, new UnaryOp.Sin(), Mix.EDGES);
      unary(to, t, new UnaryOp.Cos(), Mix.EDGES);
      angles(to, t, new UnaryOp.Sin());
      angles(to, t, new UnaryOp.Cos());
    }
    unary(to, ScalarType.BOOL, new UnaryOp.Not(), Mix.PLAIN);
    for (ScalarType t : NUMBERS) {
      for (Op op :
          List.of(
              new BinaryOp.Add(),
              new BinaryOp.Sub(),
              new BinaryOp.Mul(),
              new BinaryOp.Div(),
              new BinaryOp.Maximum(),
              new BinaryOp.Minimum(),
              new CompareOp.Equal(),
              new CompareOp.NotEqual(),
              new CompareOp.Less(),
              new CompareOp.LessEqual(),
              new CompareOp.Greater(),
              new CompareOp.GreaterEqual())) {
        binary(to, t, op, Mix.HUGE, Mix.HUGE);
      }
    }
    for (ScalarType t : FLOATS) {
      // a denormal gate times infinity is NaN or not, depending on the width in between
      binary(to, t, new BinaryOp.SwiGlu(), Mix.EDGES, Mix.PLAIN);
      binary(to, t, new BinaryOp.GeGlu(false), Mix.EDGES, Mix.PLAIN);
      binary(to, t, new BinaryOp.GeGlu(true), Mix.EDGES, Mix.PLAIN);
    }
    for (ScalarType t : NUMBERS) {
      power(to, t);
    }
    for (Op op : List.of(new CompareOp.And(), new CompareOp.Or(), new CompareOp.Xor())) {
      binary(to, ScalarType.BOOL, op, Mix.PLAIN, Mix.PLAIN);
    }
    binary(to, ScalarType.BOOL, new CompareOp.Equal(), Mix.PLAIN, Mix.PLAIN);
  }

  private static void unary(List<KernelCase> to, ScalarType t, Op op, Mix mix) {
    Samples s = new Samples(op.toString().hashCode() + t.ordinal());
    for (long n : KernelCases.sizes(t)) {
      to.add(KernelCase.of(op, s.of(t, LayoutKind.CONTIGUOUS, mix, n)));
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      to.add(KernelCase.of(op, s.of(t, kind, mix, 3, 33)));
      to.add(KernelCase.of(op, s.of(t, kind, mix, 2, 5, 17)));
    }
    to.add(KernelCase.of(op, s.of(t, LayoutKind.CONTIGUOUS, mix)));
  }

  /** Around the multiples of π/4, and farther out than an F32 resolves a turn. */
  private static void angles(List<KernelCase> to, ScalarType t, Op op) {
    Samples s = new Samples(0);
    double[] v = new double[400];
    for (int i = 0; i < v.length; i++) {
      v[i] = (i - 200) * Math.PI / 4;
    }
    to.add(KernelCase.of(op, s.given(t, LayoutKind.CONTIGUOUS, Shape.of(v.length), v)));
    for (double unit : new double[] {1, 100, 8192, 65_536, 0x1p20, 0x1p30, 1e37}) {
      double[] far = new double[65];
      for (int i = 0; i < far.length; i++) {
        far[i] = unit * (1 + i / 16.0) * (i % 2 == 0 ? 1 : -1);
      }
      to.add(KernelCase.of(op, s.given(t, LayoutKind.CONTIGUOUS, Shape.of(far.length), far)));
    }
  }

  private static void binary(List<KernelCase> to, ScalarType t, Op op, Mix first, Mix second) {
    Samples s = new Samples(op.toString().hashCode() + t.ordinal());
    LayoutKind plain = LayoutKind.CONTIGUOUS;
    for (long n : KernelCases.sizes(t)) {
      to.add(KernelCase.of(op, s.of(t, plain, first, n), s.of(t, plain, second, n)));
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      Operand a = s.of(t, kind, first, 4, 33);
      to.add(KernelCase.of(op, a, s.of(t, plain, second, 4, 33)));
      to.add(KernelCase.of(op, a, s.of(t, plain, second, 33)));
      to.add(KernelCase.of(op, s.of(t, plain, first, 4, 1), s.of(t, kind, second, 4, 33)));
      to.add(KernelCase.of(op, a, s.of(t, plain, second)));
    }
    Operand columns = s.of(t, plain, first, 3, 1, 17);
    to.add(KernelCase.of(op, columns, s.of(t, plain, second, 5, 1)));
    to.add(KernelCase.of(op, s.of(t, plain, first, 1), s.of(t, plain, second, 65)));
  }

  /** Bases and exponents whose power stays in range, and the special ones. */
  private static void power(List<KernelCase> to, ScalarType t) {
    Op op = new BinaryOp.Pow();
    Samples s = new Samples(t.ordinal());
    for (long n : new long[] {1, 17, 65, 257}) {
      Operand base =
          s.given(t, LayoutKind.CONTIGUOUS, Shape.of(n), 0.5, 2, 3, 1.25, 1, 7, 0, -2, -1, 4, 0.75);
      Operand exponent = s.given(t, LayoutKind.ROWS, Shape.of(n), 2, 3, 0.5, 0, -1, 2.5, 1);
      to.add(KernelCase.of(op, base, exponent));
    }
    if (t.isFloating()) {
      double inf = Double.POSITIVE_INFINITY;
      Operand base =
          s.given(t, LayoutKind.CONTIGUOUS, Shape.of(8), 1, Double.NaN, -1, inf, 0, -0.0, inf, 2);
      Operand exponent =
          s.given(t, LayoutKind.CONTIGUOUS, Shape.of(8), Double.NaN, 0, inf, -1, -1, -1, 0, -inf);
      to.add(KernelCase.of(op, base, exponent));
      double[] values = {
        0,
        -0.0,
        1,
        -1,
        0.5,
        -0.5,
        2,
        -2,
        3,
        -3,
        1.5,
        -1.5,
        0.7,
        -0.7,
        1e-3,
        20,
        -21,
        127,
        -126,
        149,
        1e4,
        65_504,
        -65_503,
        1e-30,
        1e30,
        -1e30,
        4_194_303,
        4_194_305,
        16_777_217,
        1e-40,
        inf,
        -inf,
        Double.NaN
      };
      double[] each = new double[values.length * values.length];
      double[] with = new double[each.length];
      for (int i = 0; i < each.length; i++) {
        each[i] = values[i / values.length];
        with[i] = values[i % values.length];
      }
      Shape all = Shape.of(each.length);
      to.add(
          KernelCase.of(
              op,
              s.given(t, LayoutKind.CONTIGUOUS, all, each),
              s.given(t, LayoutKind.CONTIGUOUS, all, with)));
    }
  }
}
