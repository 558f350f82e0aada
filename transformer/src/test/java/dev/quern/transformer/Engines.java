package dev.quern.transformer;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Precision;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Engines with the kernels of one tier. */
public final class Engines {
  /** The tiers there are; the better ones fall back to reference for what they lack. */
  public static final List<String> TIERS = List.of("reference", "vector", "native");

  private Engines() {}

  /** An engine of one tier; skips the test where the tier can't be used. */
  public static Engine of(String tier, Precision precision) {
    Engine.Builder builder = Engine.builder().precision(precision);
    if (tier.equals("reference")) {
      return builder.kernels().build();
    }
    for (KernelProvider p : KernelRegistry.providers("cpu")) {
      if (p.name().equals(tier)) {
        if (p.probe() instanceof Probe.Refused(String reason, String remedy)) {
          Assumptions.abort("skipped: " + tier + " kernels: " + reason + "; " + remedy);
        }
        return builder.kernels(p).build();
      }
    }
    return Assumptions.abort("skipped: there are no " + tier + " kernels in this build");
  }
}
