package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.QuernException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command {@code quern-gpu-bench}. */
@Command(
    name = "quern-gpu-bench",
    description = "Measures kernels and models on a device, by the device's own clock.",
    mixinStandardHelpOptions = true,
    subcommands = JoinCommand.class)
public final class GpuBench implements Callable<Integer> {
  private static final int FAILED = 1;

  private final @Nullable Function<Engine.Builder, Engine> opener;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      paramLabel = "SECTION",
      description = "What to measure (default: everything); --list says what there is.")
  private List<String> names = new ArrayList<>();

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "One of those that `quern devices` prints (default: ${DEFAULT-VALUE}).")
  private String device = "cuda:0";

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Add a line of JSON for each figure to a file.")
  private @Nullable Path json;

  @Option(names = "--small", description = "Tiny sizes, which only show that everything runs.")
  private boolean small;

  @Option(names = "--list", description = "Say what can be measured, and measure nothing.")
  private boolean list;

  /** Over the devices there are; for picocli. */
  GpuBench() {
    this(null);
  }

  /** Over a device that tests have. */
  GpuBench(@Nullable Function<Engine.Builder, Engine> opener) {
    this.opener = opener;
  }

  /**
   * Runs the command line and ends the process.
   *
   * @param args the arguments
   */
  public static void main(String[] args) {
    System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
    System.exit(commandLine(new GpuBench()).execute(args));
  }

  /** What understands a command line. */
  static CommandLine commandLine(GpuBench command) {
    return new CommandLine(command)
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler(GpuBench::explain);
  }

  /** A line for what a user can act on, such as that there is no device; all of it for the rest. */
  private static int explain(Exception e, CommandLine line, CommandLine.ParseResult parsed)
      throws Exception {
    if (!(e instanceof QuernException) && !(e instanceof IOException)) {
      throw e;
    }
    line.getErr().println("quern-gpu-bench: " + e.getMessage());
    return FAILED;
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (list) {
      for (Section s : Section.values()) {
        out.printf("%-12s %s%n", s.title(), s.description());
      }
      return 0;
    }
    Set<Section> wanted = wanted();
    Device on = Device.of(device);
    Function<Engine.Builder, Engine> open = opener == null ? b -> b.device(on).build() : opener;
    open.apply(Engine.builder()).close(); // a device that is not there is told of first
    Path file = json;
    try (PrintWriter lines =
        file == null
            ? new PrintWriter(Writer.nullWriter())
            : new PrintWriter(
                Files.newBufferedWriter(
                    file, StandardOpenOption.CREATE, StandardOpenOption.APPEND))) {
      Report report = new Report(out, lines);
      report.machine(facts(on));
      try (Lab lab = new Lab(open, small, report)) {
        for (Section s : wanted) {
          report.section(s);
          s.run(lab);
        }
      }
      return report.hasFailed() ? FAILED : 0;
    }
  }

  /** In the order of the sections; the copy bandwidth first. */
  private Set<Section> wanted() {
    if (names.isEmpty()) {
      return EnumSet.allOf(Section.class);
    }
    Set<Section> wanted = EnumSet.of(Section.COPY);
    for (String name : names) {
      if (!Section.titles().contains(name)) {
        throw new ParameterException(
            spec.commandLine(), "there is no section " + name + "; there are " + Section.titles());
      }
      wanted.add(Section.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    return wanted;
  }

  private Map<String, String> facts(Device on) {
    Map<String, String> facts = new LinkedHashMap<>();
    String version = GpuBench.class.getPackage().getImplementationVersion();
    facts.put("program", "quern " + Objects.requireNonNullElse(version, "(not of a jar)"));
    facts.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    for (DeviceProvider p : Engine.devices()) {
      if (p.kind().equals(on.kind()) && p.probe() instanceof Probe.Usable(String driver)) {
        p.devices().stream()
            .filter(f -> f.device().equals(on))
            .findFirst()
            .ifPresent(f -> facts.put("device", f.description()));
        facts.put("driver", driver);
      }
    }
    facts.putIfAbsent("device", on.toString());
    return facts;
  }
}
