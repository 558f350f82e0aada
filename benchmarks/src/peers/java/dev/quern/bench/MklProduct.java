package dev.quern.bench;

import static org.bytedeco.mkl.global.mkl_rt.CblasNoTrans;
import static org.bytedeco.mkl.global.mkl_rt.CblasRowMajor;
import static org.bytedeco.mkl.global.mkl_rt.CblasTrans;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.ShortPointer;
import org.bytedeco.mkl.global.mkl_rt;

/** Intel MKL, with the weight packed beforehand. */
final class MklProduct implements Product {
  private static final int PACKED = 151; // CblasPacked
  private static final int B_MATRIX = 162; // CblasBMatrix

  private final Operands o;
  private final FloatPointer y;
  private final Runnable multiply;

  MklProduct(Operands o) {
    this.o = o;
    y = new FloatPointer((long) o.m() * o.n());
    multiply = o.bf16() ? bf16() : f32();
  }

  private Runnable f32() {
    int m = o.m();
    int n = o.n();
    int k = o.k();
    FloatPointer x = new FloatPointer(o.x());
    FloatPointer packed =
        new FloatPointer(mkl_rt.cblas_sgemm_pack_get_size(B_MATRIX, m, n, k) / Float.BYTES);
    try (FloatPointer w = new FloatPointer(o.w())) {
      mkl_rt.cblas_sgemm_pack(CblasRowMajor, B_MATRIX, CblasTrans, m, n, k, 1, w, k, packed);
    }
    return () ->
        mkl_rt.cblas_sgemm_compute(
            CblasRowMajor, CblasNoTrans, PACKED, m, n, k, x, k, packed, k, 0, y, n);
  }

  private Runnable bf16() {
    int m = o.m();
    int n = o.n();
    int k = o.k();
    ShortPointer x = new ShortPointer(Operands.bf16(o.x()));
    ShortPointer packed =
        new ShortPointer(
            mkl_rt.cblas_gemm_bf16bf16f32_pack_get_size(B_MATRIX, m, n, k) / Short.BYTES);
    try (ShortPointer w = new ShortPointer(Operands.bf16(o.w()))) {
      mkl_rt.cblas_gemm_bf16bf16f32_pack(
          CblasRowMajor, B_MATRIX, CblasTrans, m, n, k, w, k, packed);
    }
    return () ->
        mkl_rt.cblas_gemm_bf16bf16f32_compute(
            CblasRowMajor, CblasNoTrans, PACKED, m, n, k, 1, x, k, packed, k, 0, y, n);
  }

  @Override
  public void run() {
    multiply.run();
  }

  @Override
  public float get(int row, int column) {
    return y.get((long) row * o.n() + column);
  }
}
