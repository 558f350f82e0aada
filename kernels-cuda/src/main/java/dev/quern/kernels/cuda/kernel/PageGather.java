package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Pages;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values in pages, put together in a call's working memory: {@code attention_pages.cu}.
 *
 * @param args the call of an attention with pages
 */
record PageGather(KernelArgs args) {
  private static final int ALIGNMENT = 256;
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final int STRIDES = 3;
  private static final int[] UNITS = {16, 4, 2, 1}; // bytes

  /**
   * Working memory for what is put together.
   *
   * @param in inputs of an attention with pages
   * @return bytes
   */
  static long bytes(List<TensorView> in) {
    return bytes(in, 1) + bytes(in, 2);
  }

  private static long bytes(List<TensorView> in, int operand) {
    TensorView pool = in.get(operand);
    Shape s = Pages.sequences(pool.shape(), in.getLast().shape());
    return Math.ceilDiv(pool.dtype().bytes(s.elements()), (long) ALIGNMENT) * ALIGNMENT;
  }

  /**
   * The inputs of the attention without pages.
   *
   * @param in inputs of an attention with pages
   * @param memory at least {@link #bytes}
   * @return all but the pages; keys and values [b, tk, hkv, d] in the memory
   */
  static List<TensorView> together(List<TensorView> in, MemorySegment memory) {
    List<TensorView> together = new ArrayList<>(in.subList(0, in.size() - 1));
    long at = 0;
    for (int operand = 1; operand < STRIDES; operand++) {
      TensorView pool = in.get(operand);
      Shape s = Pages.sequences(pool.shape(), in.getLast().shape());
      Layout heads = Layout.contiguous(Shape.of(s.dim(0), s.dim(2), s.dim(1), s.dim(3)));
      long bytes = memory.equals(MemorySegment.NULL) ? 0 : bytes(in, operand);
      together.set(
          operand,
          new TensorView(
              pool.dtype(), heads.permute(List.of(0, 2, 1, 3)), memory.asSlice(at, bytes)));
      at += bytes;
    }
    return together;
  }

  /** The launch that puts them together in the call's working memory. */
  Runnable bind(CudaDevice device) {
    List<TensorView> in = args.inputs();
    TensorView k = in.get(1);
    TensorView v = in.get(2);
    Params p = new Params();
    AttentionParams attention = new AttentionParams(device, (Attention) args.op(), args);
    attention.appendTo(p, 1, 1, 1);
    long keys = args.scratch().address();
    p.address(keys).address(keys + bytes(in, 1));
    long aligned = Launches.start(k) | Launches.start(v);
    for (TensorView x : List.of(k, v)) {
      for (int axis = 0; axis < STRIDES; axis++) {
        p.int64(x.strideBytes(axis));
        aligned |= x.shape().dim(axis) == 1 ? 0 : x.strideBytes(axis);
      }
    }
    long keyBytes = k.dtype().bytes(k.shape().dim(3));
    long valueBytes = v.dtype().bytes(v.shape().dim(3));
    p.int32(Math.toIntExact(keyBytes)).int32(Math.toIntExact(valueBytes));
    String kernel = "attention_pages_" + unit(aligned | keyBytes | valueBytes);
    Shape s = attention.keys();
    Grid grid = Grid.over(s.dim(0) * s.dim(2) * s.dim(1) * WARP, THREADS);
    return Launches.of(device, "attention_pages", kernel, grid, p);
  }

  private static int unit(long aligned) {
    for (int unit : UNITS) {
      if (aligned % unit == 0) {
        return unit;
      }
    }
    return 1;
  }
}
