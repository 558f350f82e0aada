package dev.quern.transformer.cli;

import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Setting;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/**
 * The second thoughts of a start without the Vector API's module.
 *
 * <p>{@code bin/quern} leaves the module out where a native library is built, because a JVM without
 * it starts sooner, and names itself in {@code -Dquern.launcher}. If the native kernels then turn
 * out not to be usable, or don't read the cache that is asked for, or an override chooses kernels,
 * the command line is handed to a process that has the module: the reference kernels are no
 * replacement.
 */
final class Restart {
  /** The property in which {@code bin/quern} names itself. */
  static final String LAUNCHER = "quern.launcher";

  /** Tells {@code bin/quern} to load the module. */
  private static final String WITH_VECTORS = "QUERN_VECTOR";

  private static final String NATIVE = "native";

  private final String launcher;
  private final CompletableFuture<Boolean> usable = new CompletableFuture<>();

  private Restart(String launcher) {
    this.launcher = launcher;
  }

  /** Begins to look at the native kernels, or null if the start left nothing out. */
  static @Nullable Restart begin() {
    String launcher = Setting.text(LAUNCHER);
    if (launcher == null) {
      return null;
    }
    Restart restart = new Restart(launcher);
    Thread.ofPlatform().daemon().name("quern-start").start(restart::look);
    return restart;
  }

  private void look() {
    boolean found = false;
    try {
      found = isNativeUsable();
    } finally {
      usable.complete(found); // whatever went wrong, the other process tells
    }
  }

  private static boolean isNativeUsable() {
    for (KernelProvider p : KernelRegistry.providers("cpu")) {
      if (p.name().equals(NATIVE)) {
        return p.probe().isUsable();
      }
    }
    return false;
  }

  /**
   * Executes a parsed command line, here or in a process that has all kernels.
   *
   * @return the exit code
   */
  int run(CommandLine.ParseResult parsed, String... args) {
    return usable.join() && !isOverridden() && !hasCacheOfVectors(parsed)
        ? new CommandLine.RunLast().execute(parsed)
        : elsewhere(args);
  }

  private static boolean isOverridden() {
    Set<String> names = System.getProperties().stringPropertyNames();
    return names.stream().anyMatch(n -> n.startsWith(KernelRegistry.OVERRIDE));
  }

  /** Whether keys and values are to be 8-bit floats, which are the Vector API's to read. */
  private static boolean hasCacheOfVectors(CommandLine.ParseResult parsed) {
    CommandLine.ParseResult command = parsed;
    while (command.hasSubcommand()) {
      command = command.subcommand();
    }
    ModelMixin.@Nullable CacheType type = command.matchedOptionValue("--cache-type", null);
    return type != null && type.dtype() == ScalarType.F8_E4M3;
  }

  /** Hands the command line to another process, and returns that one's exit code. */
  int elsewhere(String... args) {
    List<String> command = new ArrayList<>(List.of(launcher));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
    builder.environment().put(WITH_VECTORS, "1");
    try {
      Process process = builder.start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
      return process.waitFor();
    } catch (IOException e) {
      System.err.println("quern: can't start " + launcher + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return QuernCommand.FAILED;
  }
}
