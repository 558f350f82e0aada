package dev.quern.transformer.layers;

import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What differs between running a model and training it: dropout, what is kept for the backward
 * pass, and who looks on.
 *
 * <p>Each place that drops has a mask of its own, which depends on the seed, the block and the
 * place alone: a block that is computed again drops the same elements again.
 *
 * @param dropout share of elements that {@link #drop} zeroes, 0 ≤ dropout &lt; 1
 * @param seed I64 [2], key and offset of Philox, another one for each step; null without dropout
 * @param recompute whether blocks keep only their inputs, and are computed again in the backward
 *     pass: memory for time
 * @param block which block this mode is for
 * @param observer sees named intermediate values, or null
 */
public record TrainingMode(
    double dropout,
    @Nullable Tensor seed,
    boolean recompute,
    int block,
    @Nullable BiConsumer<String, Tensor> observer) {
  /** Nothing dropped, everything kept: as in inference. */
  public static final TrainingMode NONE = new TrainingMode(0, null, false, 0, null);

  private static final int PLACES = 16;

  /**
   * Checks that there is a seed for dropout.
   *
   * @throws IllegalArgumentException if there is none, or the share is outside [0, 1)
   */
  public TrainingMode {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException("[dropout] p must be in [0, 1), got " + dropout);
    }
    if (dropout > 0 && seed == null) {
      throw new IllegalArgumentException("[dropout] needs a seed, I64 [2]; give one");
    }
  }

  /**
   * Dropout with a seed.
   *
   * @param dropout share of elements that become 0
   * @param seed I64 [2], or null without dropout
   * @return the mode
   */
  public static TrainingMode dropout(double dropout, @Nullable Tensor seed) {
    return new TrainingMode(dropout, seed, false, 0, null);
  }

  /**
   * The mode for a block.
   *
   * @param index from 1; 0 is what stands before the blocks
   * @return a mode with masks of its own
   */
  public TrainingMode at(int index) {
    return new TrainingMode(dropout, seed, recompute, index, observer);
  }

  /**
   * Drops elements, and divides the others by 1 − dropout.
   *
   * @param x any shape, floating point
   * @param place which of the block's places, 0 to 15
   * @return same shape and dtype
   */
  public Tensor drop(Tensor x, int place) {
    if (dropout == 0 || seed == null) {
      return x;
    }
    // A range of two from k with step −k is (k, 0): added to the key, not to the offset.
    long k = (long) block * PLACES + place;
    Tensor own = seed.executor().one(new CreateOp.Arange(ScalarType.I64, k, -k, 2));
    return x.dropout((float) dropout, seed.add(own));
  }

  /**
   * Runs a block, of which only input and result are kept if the mode says so.
   *
   * @param code from input to result
   * @param x its input
   * @return its result
   */
  public Tensor run(UnaryOperator<Tensor> code, Tensor x) {
    return recompute
        ? x.executor().checkpoint(in -> List.of(code.apply(in.getFirst())), List.of(x)).getFirst()
        : code.apply(x);
  }

  /**
   * Shows a value to the observer, if there is one.
   *
   * @param name what it is, such as {@code blocks.3}
   * @param x the value
   * @return x
   */
  public Tensor saw(String name, Tensor x) {
    if (observer != null) {
      observer.accept(name, x);
    }
    return x;
  }
}
