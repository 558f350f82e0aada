package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;

import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import java.util.Locale;

/** Losses. */
final class TorchLosses {
  private TorchLosses() {}

  static void add() {
    put("cross_entropy", TorchLosses::crossEntropy);
    put("nll_loss", TorchLosses::negativeLogLikelihood);
    put("binary_cross_entropy_with_logits", TorchLosses::binaryCrossEntropy);
    put("kl_div", TorchLosses::divergence);
    put("mse_loss", c -> reduced(c, square(difference(c))));
    put("l1_loss", c -> reduced(c, difference(c).abs()));
    put("smooth_l1_loss", TorchLosses::smoothL1);
  }

  private static Tensor difference(TorchCase c) {
    return c.in("input").sub(c.in("target"));
  }

  private static Tensor square(Tensor x) {
    return x.mul(x);
  }

  private static Tensor reduced(TorchCase c, Tensor losses) {
    return switch (c.text("reduction", "mean")) {
      case "none" -> losses;
      case "sum" -> losses.sum();
      case "mean" -> losses.mean();
      case "batchmean" -> losses.sum().div((double) losses.shape().dim(0));
      default -> throw new TorchCase.Uncovered("reduction");
    };
  }

  /** [n, c, d...] as [n, d..., c]. */
  private static Tensor classesLast(Tensor x) {
    int rank = x.shape().rank();
    if (rank < 3) {
      return x;
    }
    int[] order = new int[rank];
    for (int i = 2; i < rank; i++) {
      order[i - 1] = i;
    }
    order[rank - 1] = 1;
    return x.permute(order);
  }

  private static Tensor crossEntropy(TorchCase c) {
    Tensor x = classesLast(c.in("input"));
    Tensor target = c.in("target");
    double smoothing = c.number("label_smoothing", 0);
    if (target.dtype().isFloating()) {
      return probabilities(c, x, classesLast(target), smoothing);
    }
    Reduction reduction = Reduction.valueOf(c.text("reduction", "mean").toUpperCase(Locale.ROOT));
    CrossEntropy op =
        new CrossEntropy(c.integer("ignore_index", -100), smoothing, reduction, c.has("weight"));
    return c.has("weight")
        ? x.crossEntropy(target, op, c.in("weight"))
        : x.crossEntropy(target, op);
  }

  private static Tensor probabilities(TorchCase c, Tensor x, Tensor target, double smoothing) {
    double v = (double) x.shape().dim(-1);
    Tensor p = smoothing == 0 ? target : target.mul(1 - smoothing).add(smoothing / v);
    Tensor logP = x.logSoftmax(-1);
    Tensor losses = (c.has("weight") ? logP.mul(c.in("weight")) : logP).mul(p).sum(false, -1).neg();
    return reduced(c, losses);
  }

  private static Tensor negativeLogLikelihood(TorchCase c) {
    Tensor logP = classesLast(c.in("input"));
    Tensor t = c.in("target");
    Tensor valid = t.notEqual(t.fullLike((double) c.integer("ignore_index", -100)));
    Tensor safe = valid.where(t, t.fullLike(0)).unsqueeze(-1);
    Tensor weight =
        c.has("weight") ? c.in("weight") : logP.fullLike(1, Shape.of(logP.shape().dim(-1)));
    Tensor own = weight.expand(logP.shape()).gather(-1, safe).squeeze(-1);
    own = valid.where(own, own.scalarLike(0));
    Tensor losses = logP.gather(-1, safe).squeeze(-1).mul(own).neg();
    return switch (c.text("reduction", "mean")) {
      case "none" -> losses;
      case "sum" -> losses.sum();
      case "mean" -> losses.sum().div(own.sum());
      default -> throw new TorchCase.Uncovered("reduction");
    };
  }

  private static Tensor binaryCrossEntropy(TorchCase c) {
    Tensor x = c.in("input");
    Tensor t = c.in("target");
    Tensor logSigmoid = x.stack(x.shape().rank(), x.fullLike(0)).logSoftmax(-1).select(-1, 0);
    Tensor positive = c.has("pos_weight") ? c.in("pos_weight").sub(1).mul(t).add(1) : x.fullLike(1);
    Tensor losses = t.neg().add(1).mul(x).sub(positive.mul(logSigmoid));
    return reduced(c, c.has("weight") ? losses.mul(c.in("weight")) : losses);
  }

  private static Tensor divergence(TorchCase c) {
    Tensor x = c.in("input");
    Tensor t = c.in("target");
    if (c.flag("log_target", false)) {
      return reduced(c, t.exp().mul(t.sub(x)));
    }
    Tensor none = t.equal(t.scalarLike(0));
    Tensor entropy = t.mul(none.where(t.scalarLike(1), t).log());
    return reduced(c, entropy.sub(t.mul(x)));
  }

  private static Tensor smoothL1(TorchCase c) {
    Tensor d = difference(c);
    double beta = c.number("beta", 1);
    if (beta == 0) {
      return reduced(c, d.abs());
    }
    Tensor near = d.abs().less(d.scalarLike(beta));
    Tensor losses = near.where(square(d).mul(0.5 / beta), d.abs().sub(0.5 * beta));
    return reduced(c, losses);
  }
}
