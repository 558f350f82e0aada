package dev.quern.kernels.cuda;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Setting;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes what the driver reports into exceptions that name operations and shapes. A kernel's fault
 * is reported by some later call, so the latest calls and replays are remembered; {@value
 * #SYNCHRONOUS} waits for each call, those of plans too, and then it is the one.
 *
 * <p>One per device: after a fault all calls of the process on it fail, whichever engine's they
 * are, and say what the first one said.
 */
final class Faults {
  /** The system property that has every call waited for, and plans' calls made one by one. */
  static final String SYNCHRONOUS = "quern.cuda.synchronous";

  private static final int REMEMBERED = 16;

  private final Device device;
  private final boolean synchronous;
  private final Supplier<String> memoryUsage;
  private final @Nullable Object[] latest = new @Nullable Object[REMEMBERED];
  private long noted;
  private long forgotten;
  private @Nullable String fault;

  /** A plan that is replayed: which of its calls runs is known to the device alone. */
  record Replayed(String plan, int calls) {
    @Override
    public String toString() {
      return "a replay of plan '%s' (%d calls)".formatted(plan, calls);
    }
  }

  /**
   * Nothing has gone wrong yet.
   *
   * @param device its name in errors
   * @param memoryUsage what is held and free, as a part of a sentence
   * @throws dev.quern.core.type.SettingException if the property is neither true nor false
   */
  Faults(Device device, Supplier<String> memoryUsage) {
    this.device = device;
    this.memoryUsage = memoryUsage;
    this.synchronous = Setting.flag(SYNCHRONOUS);
  }

  /** Whether each call is waited for. */
  boolean isSynchronous() {
    return synchronous;
  }

  /** A call that is about to be given to the device. */
  void note(KernelArgs call) {
    remember(call);
  }

  /** A graph that is about to be given to the device. */
  void note(Replayed plan) {
    remember(plan);
  }

  private synchronized void remember(Object work) {
    latest[place(noted)] = work;
    noted++;
  }

  private static int place(long number) {
    return (int) (number % REMEMBERED);
  }

  /** How much was given to the device so far. */
  synchronized long mark() {
    return noted;
  }

  /**
   * The device was waited for, and nothing was wrong. What other threads have given it since then
   * may still be under way.
   *
   * @param mark from before the waiting
   */
  synchronized void forget(long mark) {
    for (long i = Math.max(forgotten, noted - REMEMBERED); i < mark; i++) {
      latest[place(i)] = null;
    }
    forgotten = Math.max(forgotten, mark);
  }

  /** Runs something of which the driver's refusal becomes an exception of Quern's. */
  void guard(Runnable work) {
    try {
      work.run();
    } catch (CudaDriverException e) {
      throw explain(e);
    }
  }

  /** As {@link #guard(Runnable)}, with a result. */
  <T> T guard(Supplier<T> work) {
    try {
      return work.get();
    } catch (CudaDriverException e) {
      throw explain(e);
    }
  }

  /** What a refusal means, and what to do. */
  DeviceException explain(CudaDriverException e) {
    String meaning =
        switch (e.code()) {
          case CudaDriverException.OUT_OF_MEMORY ->
              "the device has no memory for it; "
                  + memoryUsage.get()
                  + "; close scopes, plans and models earlier, or lower the batch";
          case "CUDA_ERROR_ILLEGAL_ADDRESS",
              "CUDA_ERROR_LAUNCH_FAILED",
              "CUDA_ERROR_ILLEGAL_INSTRUCTION",
              "CUDA_ERROR_MISALIGNED_ADDRESS",
              "CUDA_ERROR_INVALID_ADDRESS_SPACE",
              "CUDA_ERROR_INVALID_PC",
              "CUDA_ERROR_HARDWARE_STACK_ERROR",
              "CUDA_ERROR_LAUNCH_TIMEOUT",
              "CUDA_ERROR_ASSERT" ->
              fault();
          case "CUDA_ERROR_ECC_UNCORRECTABLE" ->
              "the device's memory is faulty; see `nvidia-smi -q -d ECC`";
          case "CUDA_ERROR_NO_BINARY_FOR_GPU",
              "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
              "CUDA_ERROR_INVALID_IMAGE" ->
              "the driver can't load the kernels; update it, or build quern-kernels-cuda for this"
                  + " device";
          default -> "check that `nvidia-smi` works for this user" + suspects();
        };
    return new DeviceException(device + ": " + e.getMessage() + ": " + meaning, e);
  }

  /** What is known of a fault, the same for all calls that fail after it. */
  private synchronized String fault() {
    if (fault == null) {
      fault =
          "a kernel failed"
              + suspects()
              + "; this process can't use the device any more: start it again"
              + (synchronous
                  ? ""
                  : ", with -D"
                      + SYNCHRONOUS
                      + "=true to see which call it is, in plans too: then each is waited for");
    }
    return fault;
  }

  /** The calls that may have done it, the latest first. */
  private synchronized String suspects() {
    Set<String> calls = new LinkedHashSet<>();
    for (long i = noted - 1; i >= Math.max(forgotten, noted - REMEMBERED); i--) {
      Object call = latest[place(i)];
      if (call != null && (calls.isEmpty() || !synchronous)) {
        calls.add(describe(call));
      }
    }
    if (calls.isEmpty()) {
      return "";
    }
    return (synchronous ? ": " : ", one of those since the device was last waited for: ")
        + String.join("; ", calls);
  }

  private static String describe(Object work) {
    if (!(work instanceof KernelArgs call)) {
      return work.toString();
    }
    StringBuilder s = new StringBuilder("[").append(call.op().name()).append("]");
    for (TensorView v : call.inputs()) {
      s.append(' ').append(v.spec());
    }
    return s.toString();
  }
}
