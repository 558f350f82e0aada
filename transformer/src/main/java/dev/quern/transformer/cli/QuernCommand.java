package dev.quern.transformer.cli;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
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
    synopsisSubcommandLabel = "COMMAND")
public final class QuernCommand {
  /**
   * By name. Only the one that is asked for is built: describing one takes picocli milliseconds.
   */
  private static final Map<String, Class<?>> COMMANDS = commands();

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
    Restart restart = Restart.begin();
    CommandLine line = commandLine(args);
    if (restart != null) {
      line.setExecutionStrategy(parsed -> restart.run(parsed, args));
    }
    System.exit(line.execute(args));
  }

  /**
   * Runs the command line.
   *
   * @param args the arguments
   * @return 0 done, 1 failed, 2 wrong command line or setting
   */
  public static int run(String... args) {
    return commandLine(args).execute(args);
  }

  private static Map<String, Class<?>> commands() {
    Map<String, Class<?>> all = new LinkedHashMap<>();
    all.put("generate", GenerateCommand.class);
    all.put("classify", ClassifyCommand.class);
    all.put("logits", LogitsCommand.class);
    all.put("tokenize", TokenizeCommand.class);
    all.put("detokenize", DetokenizeCommand.class);
    all.put("tokenizer", TokenizerCommand.class);
    all.put("train", TrainCommand.class);
    all.put("evaluate", EvaluateCommand.class);
    all.put("perplexity", PerplexityCommand.class);
    all.put("inspect", InspectCommand.class);
    all.put("quantize", QuantizeCommand.class);
    all.put("export", ExportCommand.class);
    all.put("devices", DevicesCommand.class);
    all.put("bench", BenchCommand.class);
    all.put("help", HelpCommand.class);
    return all;
  }

  /** Of a bare class, picocli would leave out the model transformer. */
  private static CommandLine transformed(Class<?> command) {
    return new CommandLine(command);
  }

  /**
   * What understands a command line.
   *
   * @param args the arguments; with a command's name first, that command alone is there
   */
  static CommandLine commandLine(String... args) {
    CommandLine line = new CommandLine(new QuernCommand());
    Class<?> wanted = args.length == 0 ? null : COMMANDS.get(args[0]);
    if (wanted == null || wanted == HelpCommand.class) {
      COMMANDS.forEach((name, command) -> line.addSubcommand(name, transformed(command)));
    } else {
      line.addSubcommand(args[0], transformed(wanted));
    }
    return line.setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false) // a prompt may begin with @
        .setExecutionExceptionHandler(new ErrorReport())
        .setUsageHelpAutoWidth(true);
  }
}
