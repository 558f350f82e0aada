package dev.quern.transformer.families;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Device;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes models of given size with fresh weights, as Hugging Face folders: {@code config.json} and
 * {@code model.safetensors}. What reads such a folder can't tell it from a trained one.
 *
 * {@snippet :
 * ModelShape shape = new ModelShape(2048, 192, 6, 6, 6, 512, 256, true, Head.TOKENS, List.of());
 * NewModel.write(engine, folder, "llama", shape, WeightInitializer.normal(0.02, 12), 1337);
 * }
 */
public final class NewModel {
  private static final long LAST_SEED = 1L << 53;

  private NewModel() {}

  /**
   * Writes a new model.
   *
   * @param engine makes the weights; if its device is not the host, another one does
   * @param folder is created; files of the same names are replaced
   * @param family one of {@link Families#trainable()}
   * @param shape its size
   * @param initializer its first values
   * @param seed the same one gives the same bytes on every machine
   * @throws NotSupportedException if there is no such family, or it has no such shape
   * @throws UncheckedIOException if the folder can't be written
   */
  public static void write(
      Engine engine,
      Path folder,
      String family,
      ModelShape shape,
      WeightInitializer initializer,
      long seed) {
    Map<String, Object> config = Families.settings(family, shape);
    Engine maker = onHost(engine);
    try (TensorScope _ = TensorScope.open("new model")) {
      FreshTensors tensors =
          new FreshTensors(
              folder,
              shape.head() == ModelShape.Head.CLASSES
                  ? List.of("classifier.", "bert.pooler.")
                  : List.of("cls."),
              (name, s) -> initializer.values(maker, name, s, seedOf(seed, name)));
      try (Weights weights = new Weights(maker, Checkpoint.fresh(folder, config, tensors))) {
        Families.load(weights);
      }
      Files.createDirectories(folder);
      byte[] json =
          new ObjectMapper()
              .enable(SerializationFeature.INDENT_OUTPUT)
              .writeValueAsString(config)
              .getBytes(StandardCharsets.UTF_8);
      AtomicFile.write(
          folder.resolve("config.json"), sink -> sink.write(MemorySegment.ofArray(json)));
      SafetensorsWriter writer = new SafetensorsWriter().put("format", "pt");
      tensors.made().forEach((name, t) -> writer.tensor(name, t.spec(), bytes(t)));
      writer.write(folder.resolve(SafetensorsFolder.SINGLE));
    } catch (JsonProcessingException e) {
      throw new FormatException(folder + ": the settings are no JSON: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + folder + ": " + e.getMessage(), e);
    }
  }

  /** First values are made on the host: the same bytes, wherever they are trained. */
  static Engine onHost(Engine engine) {
    return engine.device().equals(Device.CPU) ? engine : Engine.create();
  }

  static MemorySegment bytes(Tensor t) {
    return t.storage().segment().asSlice(0, t.spec().byteSize());
  }

  /** A seed for a weight that doesn't depend on how many others there are. */
  static long seedOf(long seed, String name) {
    long h = seed;
    for (int i = 0; i < name.length(); i++) {
      h = (h ^ name.charAt(i)) * 0x9E3779B97F4A7C15L;
      h ^= h >>> 29;
    }
    return Math.floorMod(h, LAST_SEED);
  }

  /** What all families' settings have. */
  static Map<String, Object> settings(String type, String architecture, ModelShape m) {
    if (m.head() == ModelShape.Head.CLASSES && !type.equals("bert")) {
      throw new NotSupportedException(
          "[model] family '" + type + "' has no classifier of sequences; take bert");
    }
    Map<String, Object> s = new LinkedHashMap<>();
    s.put("architectures", List.of(architecture));
    s.put("model_type", type);
    s.put("vocab_size", m.vocabulary());
    s.put("tie_word_embeddings", m.tied());
    s.put("torch_dtype", "float32");
    return s;
  }

  /** Refuses grouped queries for families that have none. */
  static void requireUngrouped(String type, ModelShape m) {
    if (m.kvHeads() != m.heads()) {
      throw new NotSupportedException(
          "[model] family '"
              + type
              + "' has no grouped queries: kv_heads is "
              + m.kvHeads()
              + ", heads "
              + m.heads()
              + "; make them equal, or take llama");
    }
  }
}
