package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.testkit.KernelCase;
import org.junit.jupiter.api.AfterAll;

/** The kit's cases for which compute capability 9.0 has attention of its own, emulated. */
class HopperConformanceTest extends CudaConformance {
  private static final int FEW = 64; // queries that attention of all devices takes

  private final EmulatedDriver driver;

  HopperConformanceTest() {
    EmulatedDriver emulated = new EmulatedDriver(Emulation.library(), 9);
    super(new CudaDevice(emulated, 0, _ -> new byte[0]));
    driver = emulated;
  }

  @Override
  protected Engine engine(Engine.Builder builder) {
    return new EmulatedDevice(driver).open(builder);
  }

  @Override
  protected boolean covers(KernelCase c) {
    return c.op() instanceof Attention
        && c.inputs().getFirst().view().dtype().blockBytes() == Short.BYTES
        && c.inputs().getFirst().view().shape().dim(1) > FEW;
  }

  @AfterAll
  void itsOwnKernelsRan() {
    for (String type : new String[] {"f16", "bf16"}) {
      for (int columns : new int[] {64, 128}) {
        String kernel = "quern_attention_hopper" + columns + "_" + type;
        assertTrue(driver.functions().contains(kernel), kernel);
      }
    }
  }
}
