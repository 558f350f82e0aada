package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.spi.Probe;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;

class OnGpuTest {
  private static final Probe NONE = new Probe.Refused("no driver", "install one");

  @Test
  void withoutADeviceTestsAreSkippedWithTheReason() {
    ConditionEvaluationResult result = OnGpu.Condition.decide(NONE, null);
    assertEquals("no CUDA device: no driver", result.getReason().orElseThrow());
    assertEquals(true, result.isDisabled());
  }

  @Test
  void whereItIsRequiredItsAbsenceFails() {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> OnGpu.Condition.decide(NONE, OnGpu.Condition.REQUIRED));
    assertEquals("no CUDA device: no driver; install one", e.getMessage());
  }

  @Test
  void withADeviceTheyRun() {
    assertFalse(OnGpu.Condition.decide(new Probe.Usable("CUDA 13.0 driver"), null).isDisabled());
  }
}
