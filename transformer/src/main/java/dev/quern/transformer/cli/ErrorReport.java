package dev.quern.transformer.cli;

import dev.quern.core.type.QuernException;
import dev.quern.core.type.Setting;
import dev.quern.core.type.SettingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * One line for an error that a user can act on; the stack trace as well for those that are ours,
 * and for all with {@code -Dquern.trace=true}.
 */
final class ErrorReport implements IExecutionExceptionHandler {
  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed)
      throws Exception {
    if (e instanceof ParameterException p) {
      throw p;
    }
    if (e instanceof SettingException) {
      command.getErr().println("quern: " + Visible.of(String.valueOf(e.getMessage())));
      return QuernCommand.MISUSED;
    }
    Throwable shown =
        e instanceof UncheckedIOException u && u.getCause() != null ? u.getCause() : e;
    command.getErr().println("quern: " + Visible.of(describe(shown, e)));
    boolean expected = e instanceof QuernException || shown instanceof IOException;
    if (!expected || Setting.flag("quern.trace")) {
      e.printStackTrace(command.getErr());
    }
    return QuernCommand.FAILED;
  }

  private static String describe(Throwable shown, Exception thrown) {
    return switch (shown) {
      case NoSuchFileException f -> f.getFile() + ": no such file";
      case FileAlreadyExistsException f -> f.getFile() + " exists already";
      case AccessDeniedException f when !(thrown instanceof UncheckedIOException) ->
          f.getFile() + ": permission denied";
      case IOException f when thrown instanceof UncheckedIOException ->
          Objects.requireNonNullElse(thrown.getMessage(), f.toString());
      default -> Objects.requireNonNullElse(shown.getMessage(), shown.toString());
    };
  }
}
