package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.FunctionAttribute;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A device's modules and functions, loaded when they are first asked for. */
final class Modules {
  /** Dynamic shared memory that a kernel gets without asking for it, on every device. */
  private static final int SHARED_BYTES_WITHOUT_ASKING = 48 << 10;

  private record FunctionName(String module, String function) {}

  private final DeviceContext context;
  private final CudaDriver driver;
  private final ModuleImages images;
  private final Map<String, Long> modules = new ConcurrentHashMap<>();
  private final Map<FunctionName, Long> functions = new ConcurrentHashMap<>();
  private final Map<Long, Integer> sharedBytes = new ConcurrentHashMap<>();

  Modules(DeviceContext context, ModuleImages images) {
    this.context = context;
    this.driver = context.driver();
    this.images = images;
  }

  /**
   * A kernel that may have so much dynamic shared memory. One that was asked for before costs a
   * look-up, and no call of the driver.
   */
  long function(String module, String name, int dynamicBytes) {
    FunctionName key = new FunctionName(module, name);
    Long known = functions.get(key);
    long f = known == null ? functions.computeIfAbsent(key, this::find) : known;
    if (dynamicBytes > SHARED_BYTES_WITHOUT_ASKING) {
      allowShared(f, dynamicBytes);
    }
    return f;
  }

  private long find(FunctionName name) {
    long module = modules.computeIfAbsent(name.module(), this::load);
    context.enter(); // waiting may have brought a virtual thread to another carrier
    return context.withRoom(() -> driver.function(module, name.function()));
  }

  private long load(String module) {
    byte[] image = images.image(module);
    context.enter();
    return context.withRoom(() -> driver.moduleLoad(image));
  }

  /** More than 48 KiB of dynamic shared memory must be asked for, once per kernel and size. */
  private void allowShared(long function, int bytes) {
    Integer known = sharedBytes.get(function);
    if (known != null && known >= bytes) {
      return;
    }
    sharedBytes.compute(
        function,
        (f, allowed) -> {
          if (allowed != null && allowed >= bytes) {
            return allowed;
          }
          context.enter();
          driver.setFunctionAttribute(f, FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES, bytes);
          return bytes;
        });
  }
}
