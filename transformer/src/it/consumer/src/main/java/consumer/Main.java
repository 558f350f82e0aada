package consumer;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.TextGenerator;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Uses Quern as an installed library. */
public final class Main {
  private Main() {}

  /**
   * Fails with an exception unless everything works.
   *
   * @param arguments how the program was started (class-path or module-path), a GGUF file, and the
   *     kernel providers that must be found
   */
  public static void main(String[] arguments) {
    String start = arguments[0];
    boolean named = Engine.class.getModule().isNamed();
    check(named == start.equals("module-path"), "started from the " + start);

    try (Engine engine = Engine.create();
        TensorScope scope = TensorScope.open()) {
      var probes = engine.kernels().probes();
      System.out.println("consumer: " + start + " " + probes);
      for (String provider : Arrays.asList(arguments).subList(2, arguments.length)) {
        check(probes.containsKey(provider), "found the provider " + provider);
      }
      var x = engine.tensor(new float[] {1, 2, 3, 4}, 2, 2);
      float[] y = scope.promote(x.matmul(x)).toFloats();
      check(Arrays.equals(y, new float[] {7, 10, 15, 22}), "x x = " + Arrays.toString(y));
    }
    try (Model model = Models.open(Path.of(arguments[1]))) {
      var request = new TextGenerator.Request("The", Map.of("maxTokens", 4));
      var response = TextGenerator.of(model).generate(request);
      check(!response.tokens().isEmpty(), "generated " + response.toJson());
    }
    check(!Engine.devices().isEmpty(), "found devices: " + List.copyOf(Engine.devices()));
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("not true: " + what);
    }
  }
}
