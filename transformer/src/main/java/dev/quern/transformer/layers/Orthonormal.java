package dev.quern.transformer.layers;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.CustomOp;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The rows of a matrix made orthonormal, one after the other, by Gram and Schmidt's process done
 * twice ("twice is enough": Giraud, Langou, Rozložník and van den Eshof 2005). Of normal values it
 * gives the uniform distribution over orthonormal rows (Stewart 1980). Plain F64 in one order, so
 * that its bits are the same everywhere. Input and output F64 [r, c], r ≤ c.
 */
record Orthonormal() implements CustomOp {
  @Override
  public List<TensorSpec> infer(List<TensorSpec> in) {
    TensorSpec x = in.getFirst();
    if (x.dtype() != ScalarType.F64
        || x.shape().rank() != 2
        || x.shape().dim(0) > x.shape().dim(1)) {
      throw new ShapeException("[orthonormal] x must be [r, c] F64 with r ≤ c, not " + x);
    }
    return in;
  }

  @Override
  public void compute(List<TensorView> inputs, List<TensorView> outputs) {
    TensorView x = inputs.getFirst();
    int rows = Math.toIntExact(x.shape().dim(0));
    int columns = Math.toIntExact(x.shape().dim(1));
    double[][] q = new double[rows][columns]; // q: (r, c)
    MemorySegment from = x.base();
    MemorySegment to = outputs.getFirst().base();
    for (int i = 0; i < rows; i++) {
      long at = (long) i * columns * Double.BYTES;
      MemorySegment.copy(from, ValueLayout.JAVA_DOUBLE_UNALIGNED, at, q[i], 0, columns);
      for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < i; j++) {
          add(q[i], q[j], -dot(q[i], q[j]));
        }
      }
      double norm = Math.sqrt(dot(q[i], q[i]));
      for (int k = 0; k < columns; k++) {
        q[i][k] /= norm;
      }
      MemorySegment.copy(q[i], 0, to, ValueLayout.JAVA_DOUBLE_UNALIGNED, at, columns);
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int k = 0; k < a.length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }

  private static void add(double[] a, double[] b, double factor) {
    for (int k = 0; k < a.length; k++) {
      a[k] += factor * b[k];
    }
  }
}
