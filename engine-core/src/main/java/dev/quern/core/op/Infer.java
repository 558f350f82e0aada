package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.StringJoiner;

/** The checks that {@code infer} methods share; each error names the operation and its inputs. */
final class Infer {
  private Infer() {}

  static void arity(Op op, List<TensorSpec> in, int count) {
    if (in.size() != count) {
      throw new ShapeException(
          "[" + op.name() + "] takes " + count + " inputs, got " + in.size() + ": " + list(in));
    }
  }

  static void sameDType(Op op, List<TensorSpec> in) {
    for (TensorSpec s : in) {
      if (s.dtype() != in.getFirst().dtype()) {
        throw new DTypeException(
            "["
                + op.name()
                + "] inputs have different dtypes: "
                + list(in)
                + "; cast one of them, for example x.cast("
                + in.getFirst().dtype().name()
                + ")");
      }
    }
  }

  static void noBlocks(Op op, List<TensorSpec> in) {
    for (TensorSpec s : in) {
      if (s.dtype().isBlock()) {
        throw new DTypeException(
            "["
                + op.name()
                + "] does not take block types: "
                + list(in)
                + "; cast to F32 first (only linear, matmul, embedding, attention's keys and"
                + " values, cast, indexSelect and views take blocks)");
      }
    }
  }

  /** Refuses what is stored and converted only. */
  static void arithmetic(Op op, List<TensorSpec> in) {
    noBlocks(op, in);
    for (TensorSpec s : in) {
      if (!s.dtype().isArithmetic()) {
        throw new DTypeException(
            "["
                + op.name()
                + "] does not compute with "
                + s.dtype().name()
                + ": "
                + list(in)
                + "; cast to BF16 first, which holds it exactly, or to F32 (8-bit floats take part"
                + " in matmul, linear, embedding, attention's keys and values, cast, copies,"
                + " look-ups and views only)");
      }
    }
  }

  static void floating(Op op, List<TensorSpec> in) {
    arithmetic(op, in);
    for (TensorSpec s : in) {
      if (!s.dtype().isFloating()) {
        throw new DTypeException(
            "[" + op.name() + "] takes floating point, got " + list(in) + "; cast to F32 first");
      }
    }
  }

  static void numeric(Op op, List<TensorSpec> in) {
    arithmetic(op, in);
    for (TensorSpec s : in) {
      if (s.dtype() == ScalarType.BOOL) {
        throw new DTypeException(
            "[" + op.name() + "] takes numbers, got " + list(in) + "; cast the BOOL first");
      }
    }
  }

  static void require(Op op, TensorSpec s, String role, DType... allowed) {
    for (DType d : allowed) {
      if (s.dtype() == d) {
        return;
      }
    }
    StringJoiner names = new StringJoiner("|");
    for (DType d : allowed) {
      names.add(d.name());
    }
    throw new DTypeException(
        "[" + op.name() + "] " + role + " must be " + names + ", got " + s + "; cast it");
  }

  /** Refuses a block type whose blocks don't fill the last axis. */
  static void wholeBlocks(Op op, TensorSpec s, String role) {
    int length = s.dtype().blockLength();
    if (s.shape().dim(-1) % length != 0) {
      throw new DTypeException(
          "["
              + op.name()
              + "] the last axis of "
              + role
              + " must be a multiple of the "
              + length
              + " elements of a block, got "
              + s
              + "; store it as F16");
    }
  }

  static void index(Op op, TensorSpec s, String role) {
    require(op, s, role, ScalarType.I32, ScalarType.I64);
  }

  /** The dtype of what a norm or a loss keeps of its rows: F32, or F64 for F64. */
  static ScalarType statistics(TensorSpec x) {
    return x.dtype() == ScalarType.F64 ? ScalarType.F64 : ScalarType.F32;
  }

  static void shape(Op op, TensorSpec s, String role, Shape wanted) {
    if (!s.shape().equals(wanted)) {
      throw new ShapeException(
          "[" + op.name() + "] " + role + " must have shape " + wanted + ", got " + s);
    }
  }

  static void rankAtLeast(Op op, TensorSpec s, String role, int rank) {
    if (s.shape().rank() < rank) {
      throw new ShapeException(
          "[" + op.name() + "] " + role + " needs at least " + rank + " axes, got " + s);
    }
  }

  static ShapeException fail(Op op, String what, List<TensorSpec> in) {
    return new ShapeException("[" + op.name() + "] " + what + ": " + list(in));
  }

  static String list(List<TensorSpec> in) {
    StringJoiner j = new StringJoiner(", ");
    for (TensorSpec s : in) {
      j.add(s.toString());
    }
    return j.toString();
  }
}
