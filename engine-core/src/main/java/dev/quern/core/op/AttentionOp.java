package dev.quern.core.op;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention and the rotary embedding. Heads are the last axis but one: [batch, time, head, dim].
 */
public sealed interface AttentionOp extends Op {

  /**
   * Rotary position embedding (Su et al. 2021). Pair j of the first r = 2 · |inverseFrequencies|
   * elements of each head is rotated by the angle position · inverseFrequencies[j]; the rest of the
   * head passes unchanged. Inputs x [..., t, h, d], positions [..., t] (I32|I64),
   * inverseFrequencies F32 [r/2] (F64 for F64 x). Scalings (linear, llama3) are a matter of the
   * inverse frequencies. Positions may be any integers, negative ones too: the angle is their F64
   * product with the frequency.
   *
   * @param interleaved whether pair j is elements 2j and 2j+1, else j and j + r/2
   */
  record Rope(boolean interleaved) implements AttentionOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      TensorSpec x = in.get(0);
      Infer.floating(this, List.of(x));
      Infer.rankAtLeast(this, x, "x", 3);
      Infer.index(this, in.get(1), "positions");
      Infer.shape(this, in.get(1), "positions", x.shape().slice(0, x.shape().rank() - 2));
      Infer.require(
          this,
          in.get(2),
          "inverseFrequencies",
          x.dtype() == ScalarType.F64 ? ScalarType.F64 : ScalarType.F32);
      Shape f = in.get(2).shape();
      if (f.rank() != 1 || 2 * f.dim(0) > x.shape().dim(-1)) {
        throw Infer.fail(this, "inverseFrequencies must be [r/2] with r at most x[-1]", in);
      }
      return List.of(x);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor f = in.get(2);
      long half = f.shape().dim(0);
      long rest = x.shape().dim(-1) - 2 * half;
      Tensor angle =
          in.get(1)
              .cast((ScalarType) f.dtype())
              .unsqueeze(-1)
              .unsqueeze(-1)
              .mul(f); // [..., t, 1, r/2]
      Tensor cos = angle.cos().cast(x.dtype());
      Tensor sin = angle.sin().cast(x.dtype());
      Tensor a = interleaved ? x.slice(-1, 0, half, 2) : x.slice(-1, 0, half, 1);
      Tensor b = interleaved ? x.slice(-1, 1, half, 2) : x.slice(-1, half, half, 1);
      Tensor a2 = a.mul(cos).sub(b.mul(sin));
      Tensor b2 = a.mul(sin).add(b.mul(cos));
      Tensor rotated =
          interleaved ? a2.stack(-1, b2).reshape(x.shape().with(-1, 2 * half)) : a2.concat(-1, b2);
      return List.of(rest == 0 ? rotated : rotated.concat(-1, x.slice(-1, 2 * half, rest, 1)));
    }

    /** The transpose of a rotation is the rotation back. */
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      if (p.needs(2)) {
        return p.through(this::decompose);
      }
      return p.onlyFirst(p.gradient().rope(p.input(1), p.input(2).neg(), interleaved));
    }
  }

  /**
   * Scaled dot-product attention with streaming softmax (Dao et al. 2022), T×T never materialised.
   * Inputs, in this order: q [b, tq, h, d], k [b, tk, hkv, d], v [b, tk, hkv, dv] (h a multiple of
   * hkv; k and v of one dtype: q's, or F16|BF16|F8_E4M3|Q8_0 for F32 q, Q8_0 only if d and dv are
   * multiples of 32; 8-bit ones get no gradient); then, if present, mask (BOOL, true = visible, or
   * q's dtype, added; broadcasts to [b, h, tq, tk]), starts I32 [b], lengths I32 [b], pages I32 [b,
   * n]. Output [b, tq, h, dv] of q's dtype. Residual: log-sum-exp of each row, F32 (F64 for F64)
   * [b, h, tq].
   *
   * <p>With pages, k and v are {@linkplain Pages pools} [pages, size, hkv, d] and [pages, size,
   * hkv, dv], tk = n · size, and key j of sequence b is row j mod size of page pages[b, j / size].
   * A page may have several places, also in several sequences. Every entry must be a page of the
   * pool.
   *
   * <p>score = softcap(scale · q·k) + mask, where softcap(s) = c · tanh(s / c). Query i of sequence
   * b is at position p = starts[b] + i (without starts: length − tq + i, so that the queries are
   * the last ones) and sees key j if j &lt; lengths[b] (without: tk), and if causal j ≤ p, and with
   * a window w &gt; 0 j &gt; p − w. A row that sees nothing is zero.
   *
   * @param causal whether later keys are hidden
   * @param scale usually 1/√d
   * @param softCap c, or 0 for none
   * @param window how many keys a query sees at most, itself included, or 0 for all
   * @param hasMask whether mask is given
   * @param hasStarts whether starts is given
   * @param hasLengths whether lengths is given
   * @param hasPages whether pages is given
   */
  record Attention(
      boolean causal,
      float scale,
      float softCap,
      int window,
      boolean hasMask,
      boolean hasStarts,
      boolean hasLengths,
      boolean hasPages)
      implements AttentionOp {

    /**
     * Attention to keys and values that lie together.
     *
     * @param causal whether later keys are hidden
     * @param scale usually 1/√d
     * @param softCap c, or 0 for none
     * @param window how many keys a query sees at most, itself included, or 0 for all
     * @param hasMask whether mask is given
     * @param hasStarts whether starts is given
     * @param hasLengths whether lengths is given
     */
    public Attention(
        boolean causal,
        float scale,
        float softCap,
        int window,
        boolean hasMask,
        boolean hasStarts,
        boolean hasLengths) {
      this(causal, scale, softCap, window, hasMask, hasStarts, hasLengths, false);
    }

    /**
     * The same attention to keys and values in pages, or to such that lie together.
     *
     * @param pages whether pages is given
     * @return an operation
     */
    public Attention withPages(boolean pages) {
      return new Attention(causal, scale, softCap, window, hasMask, hasStarts, hasLengths, pages);
    }

    /**
     * Index of the mask among the inputs.
     *
     * @return 3, or −1 if there is none
     */
    public int maskIndex() {
      return hasMask ? 3 : -1;
    }

    /**
     * Index of the starts among the inputs.
     *
     * @return the index, or −1 if there are none
     */
    public int startsIndex() {
      return hasStarts ? (hasMask ? 4 : 3) : -1;
    }

    /**
     * Index of the lengths among the inputs.
     *
     * @return the index, or −1 if there are none
     */
    public int lengthsIndex() {
      return hasLengths ? 3 + (hasMask ? 1 : 0) + (hasStarts ? 1 : 0) : -1;
    }

    /**
     * Index of the pages among the inputs: the last.
     *
     * @return the index, or −1 if there are none
     */
    public int pagesIndex() {
      return hasPages ? 2 + optional() : -1;
    }

    private int optional() {
      return (hasMask ? 1 : 0) + (hasStarts ? 1 : 0) + (hasLengths ? 1 : 0) + (hasPages ? 1 : 0);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3 + optional());
      return hasPages ? withPages(false).infer(sequences(in)) : inferSequences(in);
    }

    /** The inputs as they are without pages. */
    private List<TensorSpec> sequences(List<TensorSpec> in) {
      int table = pagesIndex();
      List<TensorSpec> together = new ArrayList<>(in.subList(0, table));
      for (int pool = 1; pool < 3; pool++) {
        Pages.check(this, in, pool, table, in.getFirst().shape().dim(0));
        Shape s = Pages.sequences(in.get(pool).shape(), in.get(table).shape());
        together.set(pool, in.get(pool).as(s));
      }
      return together;
    }

    private List<TensorSpec> inferSequences(List<TensorSpec> in) {
      TensorSpec q = in.get(0);
      TensorSpec k = in.get(1);
      TensorSpec v = in.get(2);
      Infer.floating(this, List.of(q));
      Infer.sameDType(this, in.subList(1, 3));
      if (q.dtype() == ScalarType.F32) {
        Infer.require(
            this,
            k,
            "k",
            ScalarType.F32,
            ScalarType.F16,
            ScalarType.BF16,
            ScalarType.F8_E4M3,
            BlockType.Q8_0);
      } else {
        Infer.require(this, k, "k", q.dtype());
      }
      Shape s = q.shape();
      if (s.rank() != 4 || k.shape().rank() != 4 || v.shape().rank() != 4) {
        throw Infer.fail(this, "q, k and v must be [batch, time, head, dim]", in);
      }
      Infer.wholeBlocks(this, k, "k");
      Infer.wholeBlocks(this, v, "v");
      boolean fits =
          k.shape().dim(0) == s.dim(0)
              && k.shape().dim(3) == s.dim(3)
              && v.shape().with(3, 0).equals(k.shape().with(3, 0))
              && k.shape().dim(2) > 0
              && s.dim(2) > 0
              && s.dim(2) % k.shape().dim(2) == 0;
      if (!fits) {
        throw Infer.fail(
            this, "need k [b, tk, hkv, d] and v [b, tk, hkv, dv] with h a multiple of hkv", in);
      }
      Shape perSequence = Shape.of(s.dim(0));
      if (hasMask) {
        TensorSpec mask = in.get(maskIndex());
        Infer.require(this, mask, "mask", ScalarType.BOOL, q.dtype());
        Shape scores = Shape.of(s.dim(0), s.dim(2), s.dim(1), k.shape().dim(1));
        if (!Shape.broadcast(name(), mask.shape(), scores).equals(scores)) {
          throw Infer.fail(this, "mask must broadcast to [b, h, tq, tk] = " + scores, in);
        }
      }
      for (int i : new int[] {startsIndex(), lengthsIndex()}) {
        if (i >= 0) {
          String role = i == startsIndex() ? "starts" : "lengths";
          Infer.require(this, in.get(i), role, ScalarType.I32);
          Infer.shape(this, in.get(i), role, perSequence);
        }
      }
      return List.of(q.as(s.with(3, v.shape().dim(3))));
    }

    @Override
    public List<TensorSpec> residuals(List<TensorSpec> in) {
      Shape q = in.getFirst().shape();
      ScalarType t = in.getFirst().dtype() == ScalarType.F64 ? ScalarType.F64 : ScalarType.F32;
      return List.of(TensorSpec.of(t, q.dim(0), q.dim(2), q.dim(1)));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      if (!hasPages) {
        return List.of(AttentionMath.output(this, in));
      }
      Tensor table = in.get(pagesIndex());
      List<Tensor> together = new ArrayList<>(in.subList(0, pagesIndex()));
      together.set(1, Pages.gather(in.get(1), table));
      together.set(2, Pages.gather(in.get(2), table));
      return in.getFirst().executor().apply(withPages(false), together);
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward pass) {
      return hasPages ? pass.through(this::decompose) : AttentionMath.vjp(this, pass);
    }
  }

  @Override
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }
}
