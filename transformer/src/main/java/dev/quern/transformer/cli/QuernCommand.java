package dev.quern.transformer.cli;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The command {@code quern}. */
@Command(
    name = "quern",
    description =
        "Loads, runs, measures and converts models. Quern is a tensor engine for the JVM.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    scope = CommandLine.ScopeType.INHERIT,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      GenerateCommand.class,
      LogitsCommand.class,
      TokenizeCommand.class,
      DetokenizeCommand.class,
      PerplexityCommand.class,
      InspectCommand.class,
      QuantizeCommand.class,
      DevicesCommand.class,
      BenchCommand.class,
      HelpCommand.class
    })
public final class QuernCommand {
  /** Exit code of work that failed. */
  static final int FAILED = 1;

  /** Exit code of a command line or setting that is wrong whatever the model and the files hold. */
  static final int MISUSED = 2;

  /** For picocli. */
  QuernCommand() {}

  /**
   * Runs the command line and ends the process.
   *
   * @param args the arguments
   */
  @SuppressWarnings("SystemExitOutsideMain")
  public static void main(String[] args) {
    // Models speak UTF-8, whatever the terminal's locale says.
    System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(System.err, true, StandardCharsets.UTF_8));
    System.exit(run(args));
  }

  /**
   * Runs the command line.
   *
   * @param args the arguments
   * @return 0 done, 1 failed, 2 wrong command line or setting
   */
  public static int run(String... args) {
    return commandLine().execute(args);
  }

  static CommandLine commandLine() {
    return new CommandLine(new QuernCommand())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false) // a prompt may begin with @
        .setExecutionExceptionHandler(new ErrorReport())
        .setUsageHelpAutoWidth(true);
  }
}
