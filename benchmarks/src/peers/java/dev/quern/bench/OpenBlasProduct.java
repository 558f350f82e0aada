package dev.quern.bench;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas;

/** OpenBLAS, F32; it has no way to prepare a weight. */
final class OpenBlasProduct implements Product {
  private final Operands o;
  private final FloatPointer x;
  private final FloatPointer w;
  private final FloatPointer y;

  OpenBlasProduct(Operands o) {
    if (o.bf16()) {
      throw new IllegalArgumentException("OpenBLAS is measured in F32 alone");
    }
    this.o = o;
    x = new FloatPointer(o.x());
    w = new FloatPointer(o.w());
    y = new FloatPointer((long) o.m() * o.n());
  }

  @Override
  public void run() {
    openblas.cblas_sgemm(
        CblasRowMajor,
        CblasNoTrans,
        CblasTrans,
        o.m(),
        o.n(),
        o.k(),
        1,
        x,
        o.k(),
        w,
        o.k(),
        0,
        y,
        o.n());
  }

  @Override
  public float get(int row, int column) {
    return y.get((long) row * o.n() + column);
  }
}
