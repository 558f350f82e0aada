package dev.quern.kernels.ffm;

import java.lang.foreign.MemorySegment;

/**
 * Calls of the kernels of training, {@code gradients.h}, as {@link Calls} makes those of inference.
 */
final class GradientCalls {
  private GradientCalls() {}

  /**
   * {@code quern_gemm_outer_bf16}: sums of a range of k; a: (k, m), b: (k, n), strides in elements.
   */
  static void outer(
      MemorySegment function,
      MemorySegment a,
      long lda,
      MemorySegment b,
      long ldb,
      MemorySegment sums,
      long group,
      long m,
      long n,
      long k,
      MemorySegment scratch) {
    try {
      Handles.Outer.HANDLE.invokeExact(function, a, lda, b, ldb, sums, group, m, n, k, scratch);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_gemm_outer_sums}: the ranges added in order, as rows. */
  static void outerSums(
      MemorySegment function,
      MemorySegment sums,
      long range,
      long ranges,
      MemorySegment y,
      long ldy,
      long m,
      long n) {
    try {
      Handles.OuterSums.HANDLE.invokeExact(function, sums, range, ranges, y, ldy, m, n);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_cross_entropy_...}: rows of v logits; lse may be {@link MemorySegment#NULL}. */
  static void crossEntropy(
      MemorySegment function,
      MemorySegment x,
      MemorySegment targets,
      long wide,
      long ignored,
      float smoothing,
      MemorySegment loss,
      MemorySegment lse,
      long rows,
      long v) {
    try {
      Handles.CrossEntropy.HANDLE.invokeExact(
          function, x, targets, wide, ignored, smoothing, loss, lse, rows, v);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_cross_entropy_grad_...}; g: one number, or one per row if gStep is 1. */
  static void crossEntropyGrad(
      MemorySegment function,
      MemorySegment x,
      MemorySegment targets,
      long wide,
      long ignored,
      float smoothing,
      MemorySegment g,
      long gStep,
      float divisor,
      MemorySegment lse,
      MemorySegment y,
      long rows,
      long v,
      long flow) {
    try {
      Handles.CrossEntropyGrad.HANDLE.invokeExact(
          function, x, targets, wide, ignored, smoothing, g, gStep, divisor, lse, y, rows, v, flow);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /**
   * {@code quern_norm_grad_...}: rows of c elements; mean (rmsNorm), residual, dWeight and dBias
   * may be {@link MemorySegment#NULL}.
   */
  static void normGrad(
      MemorySegment function,
      MemorySegment g,
      MemorySegment x,
      MemorySegment weight,
      MemorySegment mean,
      MemorySegment inverse,
      MemorySegment residual,
      MemorySegment dx,
      MemorySegment dWeight,
      MemorySegment dBias,
      long rows,
      long c) {
    try {
      Handles.NormGrad.HANDLE.invokeExact(
          function, g, x, weight, mean, inverse, residual, dx, dWeight, dBias, rows, c);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_join_parts_...}: y[i] = Σₚ parts[p · ld + i], i &lt; n, p &lt; count. */
  static void joinParts(
      MemorySegment function, MemorySegment parts, long ld, long count, MemorySegment y, long n) {
    try {
      Handles.JoinParts.HANDLE.invokeExact(function, parts, ld, count, y, n);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_swiglu_grad_...}, {@code quern_geglu_..._grad_...}: n elements. */
  static void gateGrad(
      MemorySegment function,
      MemorySegment g,
      MemorySegment gate,
      MemorySegment up,
      MemorySegment dGate,
      MemorySegment dUp,
      long n,
      long format,
      long flow) {
    try {
      Handles.GateGrad.HANDLE.invokeExact(function, g, gate, up, dGate, dUp, n, format, flow);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_attention_grad_...}; mask may be {@link MemorySegment#NULL}. */
  static void attentionGrad(
      MemorySegment function,
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment mask,
      MemorySegment g,
      MemorySegment y,
      MemorySegment lse,
      MemorySegment dq,
      MemorySegment dk,
      MemorySegment dv,
      MemorySegment args,
      long gQuery,
      long gHead,
      long dqQuery,
      long dkKey,
      long dvKey,
      long allKeys,
      MemorySegment scratch) {
    try {
      Handles.AttentionGrad.HANDLE.invokeExact(
          function, q, k, v, mask, g, y, lse, dq, dk, dv, args, gQuery, gHead, dqQuery, dkKey,
          dvKey, allKeys, scratch);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_dropout_...}: n elements from the counter on. */
  static void dropout(
      MemorySegment function,
      MemorySegment x,
      MemorySegment y,
      long n,
      long key,
      long counter,
      long least,
      float scale) {
    try {
      Handles.Dropout.HANDLE.invokeExact(function, x, y, n, key, counter, least, scale);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }

  /** {@code quern_adam_w_...}: n elements; rest = 1 − β. */
  static void adamW(
      MemorySegment function,
      MemorySegment p,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      MemorySegment scalars,
      MemorySegment scale,
      long n,
      float beta1,
      float rest1,
      float beta2,
      float rest2,
      float eps) {
    try {
      Handles.AdamW.HANDLE.invokeExact(
          function, p, g, m, v, scalars, scale, n, beta1, rest1, beta2, rest2, eps);
    } catch (Throwable t) {
      throw Calls.failed(t);
    }
  }
}
