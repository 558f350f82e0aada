package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Calls that are the first of their thread, which has no context yet. */
class FirstCallTest {
  private static final int N = 128;

  private final EmulatedDriver driver = new EmulatedDriver(Emulation.library(), 9);
  private final Engine cuda = new EmulatedDevice(driver).open(Engine.builder());

  private static Tensor elsewhere(Supplier<Tensor> call) {
    return CompletableFuture.supplyAsync(call, r -> Thread.ofPlatform().start(r)).join();
  }

  private Tensor ones(long... dims) {
    return cuda.full(ScalarType.BF16, 1, dims);
  }

  private void ran(String kernel) {
    assertTrue(driver.functions().stream().anyMatch(f -> f.contains(kernel)), kernel);
  }

  @Test
  void aProduct() {
    Tensor x = ones(N, N);
    Tensor w = ones(N, N);
    Tensor y = elsewhere(() -> x.linear(w));
    assertEquals(N, y.cast(ScalarType.F32).toFloats()[0]);
    ran("matmul_hopper");
  }

  @Test
  void attention() {
    Tensor q = ones(1, N, 1, 64);
    Tensor y =
        elsewhere(() -> q.attention(q, q, new Attention(true, 1, 0, 0, false, false, false)));
    assertEquals(1, y.cast(ScalarType.F32).toFloats()[0]);
    ran("attention_hopper");
  }
}
