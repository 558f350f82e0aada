package dev.quern.kernels.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.ref.Reference;
import java.nio.file.Path;

/**
 * Opening the library and calling into it, and nothing else; what a call looks like: {@link
 * Handles}.
 *
 * <p>One constant handle per C signature; the function's address (which kernel, which tier) is its
 * first argument, so the JIT compiles a direct transition and the choice stays data. Operands
 * travel as segments, not addresses: the linker keeps their arenas open until the call returns.
 * Callers have checked every extent; C checks none. The signatures are those of {@code quern.h};
 * its version number guards them.
 */
@SuppressWarnings("restricted")
final class Calls {
  private Calls() {}

  /** Opens a library for the rest of the process's life. */
  static SymbolLookup open(Path library) {
    return SymbolLookup.libraryLookup(library, Arena.global());
  }

  /** {@code uint64_t quern_caps(void)}. */
  static long caps(MemorySegment function) {
    try {
      return (long) Handles.Caps.HANDLE.invokeExact(function);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code int32_t quern_abi_version(void)}. */
  static int version(MemorySegment function) {
    try {
      return (int) Handles.Version.HANDLE.invokeExact(function);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code int32_t quern_large_pages(p, bytes)}, {@code quern_move_to_large_pages}: 0, an error
   * number, or −1.
   */
  static int largePages(MemorySegment function, MemorySegment memory) {
    try {
      return (int) Handles.LargePages.HANDLE.invokeExact(function, memory, memory.byteSize());
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_fetch(address, bytes)}: only a hint, so nothing need be there. */
  static void fetch(MemorySegment function, long address, long bytes) {
    try {
      Handles.Fetch.HANDLE.invokeExact(function, address, bytes);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_ceiling_...}: the work done in rounds over x; the sink takes the result. */
  static long ceiling(
      MemorySegment function, MemorySegment x, long bytes, long rounds, MemorySegment sink) {
    try {
      return (long) Handles.Ceiling.HANDLE.invokeExact(function, x, bytes, rounds, sink);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code int64_t quern_scratch_bytes(k)}. */
  static long scratchBytes(MemorySegment function, long k) {
    try {
      return (long) Handles.BytesOfDepth.HANDLE.invokeExact(function, k);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code int64_t quern_attention_scratch_bytes(rows, head_dim, value_dim)}. */
  static long attentionScratchBytes(
      MemorySegment function, long rows, long headDim, long valueDim) {
    try {
      return (long) Handles.BytesOfRows.HANDLE.invokeExact(function, rows, headDim, valueDim);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code quern_matvec_..., quern_matmul_...}: y[i, n] = Σₚ x[i, p] · w[n, p] for n in [n0, n1).
   * x: (m, k), w: (N, k), strides in bytes; y: (m, N), ldy in elements.
   */
  static void matmul(
      MemorySegment function,
      MemorySegment x,
      long ldx,
      MemorySegment w,
      long ldw,
      MemorySegment y,
      long ldy,
      long m,
      long n0,
      long n1,
      long k,
      MemorySegment scratch) {
    try {
      Handles.Matmul.HANDLE.invokeExact(function, x, ldx, w, ldw, y, ldy, m, n0, n1, k, scratch);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code quern_matmul_gated_...}: y[i, n] = f(Σₚ x[i, p] · gate[n, p], Σₚ x[i, p] · up[n, p]) for
   * n in [n0, n1). x and y in the order of tiles; strides in bytes.
   */
  static void matmulGated(
      MemorySegment function,
      MemorySegment x,
      long ldx,
      MemorySegment gate,
      MemorySegment up,
      long ldw,
      MemorySegment y,
      long ldy,
      long m,
      long n0,
      long n1,
      long k,
      MemorySegment scratch,
      long kind) {
    try {
      Handles.MatmulGated.HANDLE.invokeExact(
          function, x, ldx, gate, up, ldw, y, ldy, m, n0, n1, k, scratch, kind);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_gemm_...}: y[i, n] = Σₚ a[i, p] · b[p, n] for n in [n0, n1), any strides. */
  static void gemm(
      MemorySegment function,
      MemorySegment a,
      long aRow,
      long aK,
      MemorySegment b,
      long bK,
      long bColumn,
      MemorySegment y,
      long ldy,
      long m,
      long n0,
      long n1,
      long k,
      MemorySegment scratch) {
    try {
      Handles.Gemm.HANDLE.invokeExact(
          function, a, aRow, aK, b, bK, bColumn, y, ldy, m, n0, n1, k, scratch);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_gemm_bf16_...}; bias and other may be {@link MemorySegment#NULL}. */
  static void gemmRounded(
      MemorySegment function,
      MemorySegment a,
      long aRow,
      long aK,
      MemorySegment b,
      long bColumn,
      MemorySegment y,
      long ldy,
      long m,
      long n0,
      long n1,
      long k,
      MemorySegment bias,
      MemorySegment other,
      long then,
      MemorySegment scratch) {
    try {
      Handles.GemmRounded.HANDLE.invokeExact(
          function, a, aRow, aK, b, bColumn, y, ldy, m, n0, n1, k, bias, other, then, scratch);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_attention_...}; mask and lse may be {@link MemorySegment#NULL}. */
  static void attention(
      MemorySegment function,
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment mask,
      MemorySegment out,
      MemorySegment lse,
      MemorySegment args,
      MemorySegment scratch) {
    try {
      Handles.Attention.HANDLE.invokeExact(function, q, k, v, mask, out, lse, args, scratch);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_attention_step_...}; mask may be {@link MemorySegment#NULL}. */
  static void attentionStep(
      MemorySegment function,
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment mask,
      MemorySegment partial,
      MemorySegment args,
      long heads,
      long kHead,
      long vHead,
      long from,
      long to,
      MemorySegment scratch) {
    try {
      Handles.AttentionStep.HANDLE.invokeExact(
          function, q, k, v, mask, partial, args, heads, kHead, vHead, from, to, scratch);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_attention_join_...}; lse may be {@link MemorySegment#NULL}. */
  static void attentionJoin(
      MemorySegment function,
      MemorySegment partial,
      long stride,
      long pieces,
      MemorySegment out,
      MemorySegment lse,
      MemorySegment args,
      long rows) {
    try {
      Handles.AttentionJoin.HANDLE.invokeExact(
          function, partial, stride, pieces, out, lse, args, rows);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * Conversions, {@code quern_convert_...}: y[r, :] = to(x[r, :]), rows of c elements, strides in
   * bytes.
   */
  static void rows(
      MemorySegment function,
      MemorySegment x,
      long ldx,
      MemorySegment y,
      long ldy,
      long rows,
      long c) {
    try {
      Handles.Rows.HANDLE.invokeExact(function, x, ldx, y, ldy, rows, c);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * The same of rows that lie elsewhere at each call, {@code xAt} and {@code yAt} bytes into their
   * segments: they travel as addresses, because a slice for each call would be garbage. Their
   * owners are in use by the engine or plan that runs the call.
   */
  static void rowsAt(
      MemorySegment function,
      MemorySegment x,
      long xAt,
      long ldx,
      MemorySegment y,
      long yAt,
      long ldy,
      long rows,
      long c) {
    if (!x.isNative() || !y.isNative()) {
      throw new IllegalArgumentException(
          "C can't reach the Java heap; copy to native memory first");
    }
    try {
      Handles.RowsAt.HANDLE.invokeExact(
          function, x.address() + xAt, ldx, y.address() + yAt, ldy, rows, c);
    } catch (Throwable t) {
      throw failed(t);
    } finally {
      Reference.reachabilityFence(x);
      Reference.reachabilityFence(y);
    }
  }

  /**
   * {@code quern_add_bias_...}: y[i, n] += r[n] for n in [n0, n1), i &lt; m; {@code
   * quern_add_rows_...}: y[i, n] += r[i, n], r with y's stride.
   */
  static void addToRows(
      MemorySegment function,
      MemorySegment y,
      long ldy,
      MemorySegment r,
      long m,
      long n0,
      long n1) {
    try {
      Handles.Rows.HANDLE.invokeExact(function, y, ldy, r, m, n0, n1);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_rms_norm_...}, without gaps; inverse may be {@link MemorySegment#NULL}. */
  static void rmsNorm(
      MemorySegment function,
      MemorySegment x,
      MemorySegment weight,
      MemorySegment y,
      MemorySegment inverse,
      long rows,
      long c,
      float eps,
      long format,
      long flow) {
    try {
      Handles.RmsNorm.HANDLE.invokeExact(
          function, x, c, weight, y, c, inverse, rows, c, eps, format, flow);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code quern_layer_norm_...}, without gaps; mean and inverse may be {@link MemorySegment#NULL}.
   */
  static void layerNorm(
      MemorySegment function,
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      MemorySegment mean,
      MemorySegment inverse,
      long rows,
      long c,
      float eps,
      long format,
      long flow) {
    try {
      Handles.LayerNorm.HANDLE.invokeExact(
          function, x, c, weight, bias, y, c, mean, inverse, rows, c, eps, format, flow);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_softmax_...}, {@code quern_log_softmax_...}, without gaps. */
  static void softmax(
      MemorySegment function,
      MemorySegment x,
      MemorySegment y,
      long rows,
      long c,
      long format,
      long flow) {
    try {
      Handles.Softmax.HANDLE.invokeExact(function, x, c, y, c, rows, c, format, flow);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_map_...}: y[i] = f(x[i]), i &lt; n. */
  static void map(
      MemorySegment function, MemorySegment x, MemorySegment y, long n, long format, long flow) {
    try {
      Handles.Map.HANDLE.invokeExact(function, x, y, n, format, flow);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_zip_...}: y[i] = f(a[i], b[i]), i &lt; n. */
  static void zip(
      MemorySegment function,
      MemorySegment a,
      MemorySegment b,
      MemorySegment y,
      long n,
      long format,
      long flow) {
    try {
      Handles.Zip.HANDLE.invokeExact(function, a, b, y, n, format, flow);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_sum_columns_...}: y[j] = Σᵢ x[i, j]; x: (rows, c), ldx elements. */
  static void sumColumns(
      MemorySegment function, MemorySegment x, long ldx, MemorySegment y, long rows, long c) {
    try {
      Handles.SumColumns.HANDLE.invokeExact(function, x, ldx, y, rows, c);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_sum_all_...}: y[0] = Σᵢ x[i], i &lt; n. */
  static void sumAll(MemorySegment function, MemorySegment x, long n, MemorySegment y) {
    try {
      Handles.SumAll.HANDLE.invokeExact(function, x, n, y);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code quern_index_add_...}: y[ids[i], :] += x[i, :]; x: (count, c), y: (rows, c), strides in
   * elements; ids of 64 bits if wide.
   */
  static void indexAdd(
      MemorySegment function,
      MemorySegment x,
      long ldx,
      MemorySegment ids,
      long wide,
      MemorySegment y,
      long ldy,
      long count,
      long rows,
      long c) {
    try {
      Handles.IndexAdd.HANDLE.invokeExact(function, x, ldx, ids, wide, y, ldy, count, rows, c);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /**
   * {@code quern_swiglu_...}, {@code quern_geglu_...}: y = f(gate) · up; rows of c elements, ld
   * elements apart.
   */
  static void gated(
      MemorySegment function,
      MemorySegment gate,
      MemorySegment up,
      MemorySegment y,
      long ld,
      long rows,
      long c) {
    try {
      Handles.Gated.HANDLE.invokeExact(function, gate, ld, up, ld, y, ld, rows, c);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  /** {@code quern_rope_...}: some tokens. */
  static void rope(
      MemorySegment function,
      MemorySegment x,
      MemorySegment y,
      MemorySegment positions,
      long wide,
      MemorySegment frequencies,
      long tokens,
      long heads,
      long headDim,
      long half) {
    try {
      Handles.Rope.HANDLE.invokeExact(
          function, x, y, positions, wide, frequencies, tokens, heads, headDim, half);
    } catch (Throwable t) {
      throw failed(t);
    }
  }

  static RuntimeException failed(Throwable t) {
    return switch (t) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException("a native call failed", t);
    };
  }
}
