package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;

/** The two ways in which weight decay enters a step. */
final class Decay {
  private Decay() {}

  /** The gradient of loss + λ/2·‖p‖²: g + λp, with λ the scalar of that index. */
  static Tensor coupled(ParameterUpdate u, int decay) {
    return u.decays() ? u.gradient().add(u.parameter().mul(u.scalar(decay))) : u.gradient();
  }

  /**
   * Decoupled decay (Loshchilov and Hutter 2019): (1 − ηλ)·p, with that factor the scalar of that
   * index.
   */
  static Tensor decoupled(ParameterUpdate u, int factor) {
    return u.decays() ? u.parameter().mul(u.scalar(factor)) : u.parameter();
  }
}
