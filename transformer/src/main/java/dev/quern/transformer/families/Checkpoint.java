package dev.quern.transformer.families;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufMetadata;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A model as it lies on disk, opened: settings and tensors of a GGUF file or a Hugging Face folder.
 */
public final class Checkpoint implements AutoCloseable {
  private static final int MAX_JSON_BYTES = 16 << 20;

  /** The formats there are. */
  public enum Format {
    /** One file with metadata, vocabulary and tensors. */
    GGUF,
    /** A folder with {@code config.json} and safetensors. */
    HUGGING_FACE
  }

  /** Made when the first folder is opened; a GGUF file holds no JSON. */
  private static final class Json {
    static final ObjectMapper MAPPER = new ObjectMapper();
  }

  private final Path path;
  private final Format format;
  private final String architecture;
  private final Settings settings;
  private final Settings generationSettings;
  private final TensorFile tensors;

  private Checkpoint(
      Path path,
      Format format,
      String architecture,
      Settings settings,
      Settings generationSettings,
      TensorFile tensors) {
    this.path = path;
    this.format = format;
    this.architecture = architecture;
    this.settings = settings;
    this.generationSettings = generationSettings;
    this.tensors = tensors;
  }

  /**
   * Opens a checkpoint: reads headers and settings, maps the tensors.
   *
   * @param path a GGUF file, or a folder with {@code config.json} and safetensors
   * @return the checkpoint, to be closed
   * @throws FormatException if it is neither, or damaged; says what was found and what is wanted
   */
  public static Checkpoint open(Path path) {
    if (Files.isDirectory(path)) {
      return openFolder(path);
    }
    if (!Files.exists(path)) {
      throw new FormatException(
          path + ": no such file or folder; give a GGUF file or a Hugging Face folder");
    }
    if (!startsWithGguf(path)) {
      String name = String.valueOf(path.getFileName());
      throw new FormatException(
          path
              + ": this is not a GGUF file"
              + (name.endsWith(".safetensors") || name.endsWith(".json")
                  ? "; give the folder that holds it, with its config.json"
                  : "; give a GGUF file or a Hugging Face folder"));
    }
    return openGguf(path);
  }

  private static boolean startsWithGguf(Path path) {
    try (var in = Files.newInputStream(path)) {
      byte[] magic = in.readNBytes(4);
      return magic.length == 4
          && magic[0] == 'G'
          && magic[1] == 'G'
          && magic[2] == 'U'
          && magic[3] == 'F';
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path, e);
    }
  }

  private static Checkpoint openGguf(Path path) {
    GgufFile file = GgufFile.open(path);
    try {
      GgufMetadata metadata = file.metadata();
      Settings settings =
          new Settings(
              path.toString(), key -> metadata.find(key).map(Checkpoint::plain).orElse(null));
      String architecture = metadata.string("general.architecture");
      return new Checkpoint(
          path, Format.GGUF, architecture, settings, Settings.empty(path.toString()), file);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static Checkpoint openFolder(Path path) {
    Path config = path.resolve("config.json");
    if (!Files.isRegularFile(config)) {
      throw new FormatException(
          path + ": this folder has no config.json; give a Hugging Face folder or a GGUF file");
    }
    Settings settings = readJson(config);
    String architecture = settings.text("model_type", "");
    if (architecture.isEmpty()) {
      throw new FormatException(config + ": 'model_type' must be a text, but it is missing");
    }
    Path generation = path.resolve("generation_config.json");
    Settings generationSettings =
        Files.isRegularFile(generation)
            ? readJson(generation)
            : Settings.empty(generation.toString());
    return new Checkpoint(
        path,
        Format.HUGGING_FACE,
        architecture,
        settings,
        generationSettings,
        SafetensorsFolder.open(path));
  }

  /** A checkpoint in a Hugging Face folder that is yet to be written. */
  static Checkpoint fresh(Path folder, Map<String, Object> config, FreshTensors tensors) {
    Settings settings = new Settings(folder.resolve("config.json").toString(), config::get);
    return new Checkpoint(
        folder,
        Format.HUGGING_FACE,
        settings.text("model_type", ""),
        settings,
        Settings.empty(folder.toString()),
        tensors);
  }

  /**
   * The element type that most bytes of the tensors are in.
   *
   * @return its name in the file's format, such as {@code Q4_K}; "none" without tensors
   */
  public String mainType() {
    Map<String, Long> bytes = new HashMap<>();
    for (TensorInfo t : tensors.tensors().values()) {
      bytes.merge(t.typeName(), t.byteSize(), Long::sum);
    }
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse("none");
  }

  /**
   * Reads a JSON object.
   *
   * @param file a JSON file
   * @return its members
   * @throws FormatException if it is no JSON object, or unreasonably long
   */
  public static Settings readJson(Path file) {
    try {
      if (Files.size(file) > MAX_JSON_BYTES) {
        throw new FormatException(
            file + ": " + Files.size(file) + " bytes are too many for settings");
      }
      Map<String, Object> values =
          Json.MAPPER.readValue(file.toFile(), new TypeReference<Map<String, Object>>() {});
      if (values == null) {
        throw new FormatException(file + ": it must hold a JSON object, got null");
      }
      return new Settings(file.toString(), values::get);
    } catch (JacksonException e) {
      throw new FormatException(
          file + ": it must hold a JSON object: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /**
   * A metadata value as plain Java.
   *
   * @param value of any type
   * @return String, Number, Boolean or List
   */
  private static Object plain(GgufValue value) {
    return switch (value) {
      case GgufValue.Text t -> t.value();
      case GgufValue.Bool b -> b.value();
      case GgufValue.Real r -> r.value();
      case GgufValue.Int i -> i.value();
      case GgufValue.Array a -> a.values().stream().map(Checkpoint::plain).toList();
    };
  }

  /**
   * What was opened.
   *
   * @return as it was given
   */
  public Path path() {
    return path;
  }

  /**
   * Its format.
   *
   * @return GGUF or HUGGING_FACE
   */
  public Format format() {
    return format;
  }

  /**
   * The architecture that it names.
   *
   * @return GGUF's {@code general.architecture} or {@code config.json}'s {@code model_type}
   */
  public String architecture() {
    return architecture;
  }

  /**
   * GGUF metadata, or {@code config.json}.
   *
   * @return its settings
   */
  public Settings settings() {
    return settings;
  }

  /**
   * {@code generation_config.json}.
   *
   * @return its settings; empty if there is none
   */
  public Settings generationSettings() {
    return generationSettings;
  }

  /**
   * The end tokens that {@code config.json} and {@code generation_config.json} name.
   *
   * @return token ids; empty for GGUF, where the vocabulary names them
   */
  public Set<Integer> endTokens() {
    Set<Integer> ends = new TreeSet<>(settings().integers("eos_token_id"));
    ends.addAll(generationSettings().integers("eos_token_id"));
    return ends;
  }

  /**
   * The tensors.
   *
   * @return open until this is closed
   */
  public TensorFile tensors() {
    return tensors;
  }

  /**
   * The GGUF file.
   *
   * @return the file, or null for a folder
   */
  public @Nullable GgufFile gguf() {
    return tensors instanceof GgufFile f ? f : null;
  }

  /**
   * Unmaps the tensors.
   *
   * @throws dev.quern.core.type.ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    tensors.close();
  }
}
