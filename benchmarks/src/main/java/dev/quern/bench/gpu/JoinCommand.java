package dev.quern.bench.gpu;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Puts what two programs measured side by side. */
@Command(
    name = "join",
    description = "Prints a Markdown table of two files of --json: Quern's and the peer's.",
    mixinStandardHelpOptions = true)
final class JoinCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "QUERN", description = "Lines of quern-gpu-bench.")
  private Path ours;

  @Parameters(index = "1", paramLabel = "PEER", description = "Lines of gpu_torch.py.")
  private Path theirs;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the table to a file, and print nothing.")
  private @Nullable Path file;

  /** For picocli. */
  JoinCommand() {}

  @Override
  public Integer call() throws IOException {
    String table = JoinedTable.of(Files.readAllLines(ours), Files.readAllLines(theirs));
    Path to = file;
    if (to != null) {
      Files.writeString(to, table);
    } else {
      PrintWriter out = spec.commandLine().getOut();
      out.print(table);
      out.flush();
    }
    return 0;
  }
}
