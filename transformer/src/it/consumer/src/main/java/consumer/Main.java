package consumer;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import java.util.Arrays;
import java.util.List;

/** Uses Quern as an installed library. */
public final class Main {
  private Main() {}

  /**
   * Fails with an exception unless everything works.
   *
   * @param arguments how the program was started (class-path or module-path), then the kernel
   *     providers that must be usable
   */
  public static void main(String[] arguments) {
    String start = arguments[0];
    boolean named = Engine.class.getModule().isNamed();
    check(named == start.equals("module-path"), "started from the " + start);

    try (Engine engine = Engine.create();
        TensorScope scope = TensorScope.open()) {
      var probes = engine.kernels().probes();
      System.out.println("consumer: " + start + " " + probes);
      for (String provider : Arrays.asList(arguments).subList(1, arguments.length)) {
        check(probes.containsKey(provider), "found the provider " + provider);
      }
      var x = engine.tensor(new float[] {1, 2, 3, 4}, 2, 2);
      float[] y = scope.promote(x.matmul(x)).toFloats();
      check(Arrays.equals(y, new float[] {7, 10, 15, 22}), "x x = " + Arrays.toString(y));
    }
    check(!Engine.devices().isEmpty(), "found devices: " + List.copyOf(Engine.devices()));
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("not true: " + what);
    }
  }
}
