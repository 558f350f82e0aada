package dev.quern.core.spi;

import dev.quern.core.memory.TensorView;
import java.util.List;

/**
 * Computes one operation. Stateless and shared by all threads; what belongs to a call is in the
 * object that {@link #bind} returns.
 */
public interface Kernel {
  /**
   * What {@code explain} calls it.
   *
   * @return for example {@code linear q8_0 avx512}
   */
  String name();

  /**
   * Working memory that a call needs. In a plan all calls share it: what {@link #bind} leaves there
   * is gone at the run.
   *
   * @param inputs the operands
   * @param outputs the results
   * @return bytes; 0 for most kernels
   */
  default long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return 0;
  }

  /**
   * Prepares a call: everything that can be worked out once is worked out here. The result may be
   * run many times over the same memory, by one thread at a time, and should not allocate.
   *
   * @param args operands, results, working memory, threads
   * @return the call
   */
  Runnable bind(KernelArgs args);

  /**
   * Binds and runs once.
   *
   * @param args operands, results, working memory, threads
   */
  default void run(KernelArgs args) {
    bind(args).run();
  }
}
