package dev.quern.core.op;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/** Gradients of attention. */
public sealed interface AttentionGradOp extends Op {

  /**
   * The gradients of {@link Attention} for q, k and v, tile by tile from the saved log-sum-exp (Dao
   * et al. 2022, algorithm 4): P = e^(score − lse), dV = Pᵀ·g, dP = g·Vᵀ, dS = P ∘ (dP − Σ g∘y)
   * (times the soft cap's slope), dQ = scale·dS·K, dK = scale·dSᵀ·Q. No T×T matrix is made. Inputs:
   * those of attention, then g and y (its result) [b, tq, h, dv] and lse [b, h, tq]. Outputs: dq,
   * dk and dv, of the shapes of q, k and v and of q's dtype.
   *
   * @param attention the operation, without pages: those are gathered before it is differentiated
   */
  record AttentionGrad(Attention attention) implements AttentionGradOp {
    /**
     * Checked.
     *
     * @throws IllegalArgumentException if the keys are in pages
     */
    public AttentionGrad {
      if (attention.hasPages()) {
        throw new IllegalArgumentException(
            "[attentionGrad] takes no pages; gather keys and values, and differentiate"
                + " attention without pages");
      }
    }

    /**
     * Index of the gradient of attention's result among the inputs; the result and the log-sum-exp
     * follow.
     *
     * @param inputs how many inputs there are
     * @return the index
     */
    public static int gradientIndex(int inputs) {
      return inputs - 3;
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      if (in.size() < 6) {
        throw Infer.fail(this, "needs attention's inputs, gradient, result and logSumExp", in);
      }
      int g = gradientIndex(in.size());
      List<TensorSpec> forward = in.subList(0, g);
      TensorSpec y = attention.infer(forward).getFirst();
      for (int i = g; i < g + 2; i++) {
        Infer.require(this, in.get(i), i == g ? "gradient" : "result", y.dtype());
        Infer.shape(this, in.get(i), i == g ? "gradient" : "result", y.shape());
      }
      TensorSpec lse = attention.residuals(forward).getFirst();
      Infer.require(this, in.getLast(), "logSumExp", lse.dtype());
      Infer.shape(this, in.getLast(), "logSumExp", lse.shape());
      TensorSpec q = in.getFirst();
      List<TensorSpec> out = new ArrayList<>();
      for (TensorSpec s : in.subList(0, 3)) {
        out.add(q.as(s.shape()));
      }
      return out;
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      int g = gradientIndex(in.size());
      return AttentionMath.gradients(attention, in.subList(0, g), in.get(g));
    }
  }
}
