package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Probe;
import dev.quern.core.spi.Processors;
import dev.quern.core.spi.TaskPool;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern devices}: what was found, chosen and refused, and why. */
@Command(
    name = "devices",
    description =
        "Lists devices and kernels: what was found, chosen and refused, why, and the remedy.")
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    out.println("devices");
    for (DeviceProvider p : Engine.devices()) {
      if (p.probe() instanceof Probe.Refused refused) {
        line(out, p.kind(), refused);
      }
      for (DeviceProvider.Found d : p.devices()) {
        out.printf(
            Locale.ROOT,
            "  %s: %s, %.1f GiB%n",
            d.device(),
            d.description(),
            d.memoryBytes() / (double) (1L << 30));
        if (p.probe(d.device()) instanceof Probe.Refused refused) {
          line(out, d.device().toString(), refused);
        }
      }
    }
    try (Engine engine = Engine.create()) {
      KernelRegistry kernels = engine.kernels();
      out.println();
      out.println("kernels on cpu, best first; an operation takes the first that has it");
      Map<String, Probe> probes = kernels.probes();
      for (String name : kernels.names()) {
        Probe probe = Objects.requireNonNull(probes.get(name));
        boolean excluded = kernels.isExcluded(name) && probe.isUsable();
        line(out, excluded ? name + " (excluded by override)" : name, probe);
      }
      out.println();
      out.println("threads: " + engine.pool().threads() + ", " + reason());
    }
    Map<String, String> overrides = KernelRegistry.overrides();
    if (overrides.isEmpty()) {
      out.println("override: none (-Dquern.kernels)");
    }
    overrides.forEach((property, names) -> out.println("override: -D" + property + "=" + names));
    return 0;
  }

  private static String reason() {
    return TaskPool.threadsAskedFor().isPresent()
        ? "asked for by -Dquern.threads"
        : Processors.here().reason() + " (-Dquern.threads)";
  }

  private static void line(PrintWriter out, String name, Probe probe) {
    switch (probe) {
      case Probe.Usable(String detail) -> out.println("  " + name + ": " + detail);
      case Probe.Refused(String reason, String remedy) -> {
        out.println("  " + name + ": not usable: " + reason);
        out.println("    remedy: " + remedy);
      }
    }
  }
}
