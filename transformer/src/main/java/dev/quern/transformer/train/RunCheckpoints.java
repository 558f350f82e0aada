package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.AtomicFolder;
import dev.quern.core.op.Buffer;
import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of a run: a folder with a folder for each, {@code step-00000200} and so on. One
 * appears as a whole or not at all, whenever the process is killed or the power fails: its files
 * are written and forced to the disk in a folder of another name, with their checksums in {@code
 * checksums.txt} last, and the folder is renamed. One whose checksums are wrong is passed over.
 *
 * @see RunState
 */
public final class RunCheckpoints {
  /** A run's state, in each checkpoint. */
  static final String STATE = "training.json";

  static final String SUMS = "checksums.txt";
  private static final Pattern NAME = Pattern.compile("step-(\\d{8,18})");
  private static final Pattern SUM = Pattern.compile("([0-9a-f]{8}) (\\d+) (.+)");

  private final Path root;

  /**
   * The checkpoints of a run. What a killed process left unfinished is removed.
   *
   * @param root is created if it is missing; one process at a time writes to it
   * @throws UncheckedIOException if it can't be written to
   */
  public RunCheckpoints(Path root) {
    this.root = root;
    try {
      Files.createDirectories(root);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot create " + root + ": " + e.getMessage(), e);
    }
    AtomicFolder.recover(root, name -> NAME.matcher(name).matches());
  }

  /**
   * A checkpoint.
   *
   * @param folder with the model and the optimiser's state
   * @param state of the run
   */
  public record Saved(Path folder, RunState state) {
    /**
     * Fills buffers from the checkpoint: of the optimiser's state and of averages, but not of the
     * model, which is opened from the folder.
     *
     * @param engine of the buffers
     * @param state by the names that they were saved with
     * @throws FormatException if the checkpoint lacks one, or has another of its name
     */
    public void restore(Engine engine, Map<String, Buffer> state) {
      StateFile.read(engine, folder.resolve(StateFile.NAME), state, false);
    }
  }

  /**
   * Writes a checkpoint. A run is reproducible to the bit (see {@link Trainer}), so one of the same
   * step that is whole stays.
   *
   * @param state of the run
   * @param contents writes files to the folder it is given
   * @return where it is
   * @throws UncheckedIOException if that fails; earlier checkpoints are as they were
   */
  public Saved write(RunState state, Consumer<Path> contents) {
    Path target = folder(state.step());
    if (!Files.exists(target) || fault(target) != null) {
      AtomicFolder.write(
          target,
          temporary -> {
            contents.accept(temporary);
            text(temporary.resolve(STATE), state.toJson() + "\n");
            text(temporary.resolve(SUMS), sums(temporary));
          });
    }
    return new Saved(target, state);
  }

  /**
   * The latest checkpoint that is whole.
   *
   * @param damaged is told of each later one that is not
   * @return null if there is none
   */
  public @Nullable Saved latest(Consumer<String> damaged) {
    List<Long> steps = steps();
    for (int i = steps.size() - 1; i >= 0; i--) {
      Saved saved = at(steps.get(i), damaged);
      if (saved != null) {
        return saved;
      }
    }
    return null;
  }

  /**
   * The checkpoint of a step.
   *
   * @param step any
   * @param damaged is told if it is not whole
   * @return null if there is none that is whole
   */
  public @Nullable Saved at(long step, Consumer<String> damaged) {
    Path folder = folder(step);
    String fault = fault(folder);
    if (fault == null) {
      try {
        return new Saved(folder, RunState.fromJson(Files.readString(folder.resolve(STATE))));
      } catch (IOException | FormatException e) {
        fault = e.getMessage();
      }
    }
    damaged.accept(folder + " is damaged and passed over: " + fault);
    return null;
  }

  /**
   * The steps of which there are checkpoints.
   *
   * @return in their order
   */
  public List<Long> steps() {
    try {
      List<Long> steps = new ArrayList<>();
      for (Path p : list(root)) {
        Matcher m = NAME.matcher(p.getFileName().toString());
        if (m.matches()) {
          steps.add(Long.parseLong(m.group(1)));
        }
      }
      steps.sort(Comparator.naturalOrder());
      return steps;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + root + ": " + e.getMessage(), e);
    }
  }

  /**
   * Where the checkpoint of a step is.
   *
   * @param step one of {@link #steps()}
   * @return the folder
   */
  public Path folder(long step) {
    return root.resolve("step-%08d".formatted(step));
  }

  /**
   * Removes all but the latest checkpoints.
   *
   * @param now the step of the one just written; later ones, which are damaged, are not counted
   * @param last how many stay, at least 1
   * @param best the step of one more that stays
   */
  public void keep(long now, int last, OptionalLong best) {
    List<Long> steps = steps().stream().filter(step -> step <= now).toList();
    for (long step : steps.subList(0, Math.max(0, steps.size() - last))) {
      if (best.isEmpty() || best.getAsLong() != step) {
        AtomicFolder.delete(folder(step));
      }
    }
  }

  /** What is wrong with a checkpoint's files, or null. */
  private static @Nullable String fault(Path folder) {
    try {
      Path sums = folder.resolve(SUMS);
      if (!Files.isRegularFile(sums)) {
        return SUMS + " is missing";
      }
      Map<String, String> found = new TreeMap<>();
      for (String line : sums(folder).lines().toList()) {
        found.put(line.substring(line.lastIndexOf(' ') + 1), line);
      }
      for (String line : Files.readAllLines(sums)) {
        Matcher m = SUM.matcher(line);
        if (!m.matches()) {
          return SUMS + " has the line '" + line + "'";
        }
        if (!line.equals(found.get(m.group(3)))) {
          return m.group(3) + " is not what was written";
        }
      }
      return Files.isRegularFile(folder.resolve(STATE)) ? null : STATE + " is missing";
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  /** A line for each file but the sums themselves: checksum, bytes, name. */
  private static String sums(Path folder) throws IOException {
    StringBuilder all = new StringBuilder();
    for (Path p : list(folder)) {
      String name = p.getFileName().toString();
      if (!name.equals(SUMS)) {
        all.append("%08x %d %s\n".formatted(Crc.of(p), Files.size(p), name));
      }
    }
    return all.toString();
  }

  private static void text(Path file, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(MemorySegment.ofArray(bytes)));
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
