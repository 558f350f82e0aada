package dev.quern.transformer.compress;

import static java.util.stream.Collectors.joining;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.TensorSource;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufMetadata;
import dev.quern.core.io.gguf.GgufType;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rewrites a GGUF file with its weight matrices in another element type.
 *
 * <p>Matrices are the tensors of at least two axes whose name ends in {@code weight}, but for norms
 * and learned positions; everything else is copied as it is. A matrix whose rows don't fill the
 * type's blocks takes the next type that fits: Q8_0 (blocks of 32), else F16.
 *
 * @param type F32, F16, BF16, or a block type that {@link BlockCodecs} can write
 */
public record Quantization(DType type) {
  /** What {@code general.file_type} is for each type, as GGUF numbers them. */
  private static final Map<DType, Integer> FILE_TYPES =
      Map.ofEntries(
          Map.entry(ScalarType.F32, 0),
          Map.entry(ScalarType.F16, 1),
          Map.entry(BlockType.Q4_0, 2),
          Map.entry(BlockType.Q4_1, 3),
          Map.entry(BlockType.Q8_0, 7),
          Map.entry(BlockType.Q5_0, 8),
          Map.entry(BlockType.Q5_1, 9),
          Map.entry(BlockType.Q2_K, 10),
          Map.entry(BlockType.Q3_K, 12),
          Map.entry(BlockType.Q4_K, 15),
          Map.entry(BlockType.Q5_K, 17),
          Map.entry(BlockType.Q6_K, 18),
          Map.entry(BlockType.IQ4_NL, 25),
          Map.entry(BlockType.IQ4_XS, 30),
          Map.entry(ScalarType.BF16, 32));

  private static final String TYPES =
      "F32, F16, BF16, "
          + BlockCodecs.supported().stream().map(BlockType::name).collect(joining(", "));

  private static final int QUANTIZATION_VERSION = 2;

  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,9})\\.");

  /**
   * What was done.
   *
   * @param bytesBefore size of the file that was read
   * @param bytesAfter size of the file that was written
   * @param fallbacks tensors that took another type than the wanted one, with that type, in the
   *     order they were written
   */
  public record Report(long bytesBefore, long bytesAfter, Map<String, DType> fallbacks) {}

  /**
   * Checks that the type can be written.
   *
   * @throws NotSupportedException if it can't; names those that can
   */
  public Quantization {
    if (!FILE_TYPES.containsKey(type)) {
      throw new NotSupportedException(
          "[quantize] can't write " + type.name() + "; take one of " + TYPES);
    }
  }

  /**
   * A quantisation to a type.
   *
   * @param type F32, F16, BF16, or a block type that {@link BlockCodecs} can write
   * @return the quantisation
   */
  public static Quantization of(DType type) {
    return new Quantization(type);
  }

  /**
   * Rewrites a file. The new one appears whole or not at all.
   *
   * @param engine its threads do the work
   * @param in a GGUF file with F32, F16 or BF16 matrices
   * @param out the file to write; may exist and may not be {@code in}
   * @param eachTensor told of each tensor as it is begun
   * @return what was done
   * @throws NotSupportedException if a matrix is quantised already, or holds NaN or infinity and
   *     the type is a block type
   */
  public Report run(Engine engine, Path in, Path out, Consumer<TensorInfo> eachTensor) {
    Map<String, DType> fallbacks = new LinkedHashMap<>();
    try (GgufFile file = GgufFile.open(in)) {
      GgufWriter writer = new GgufWriter();
      metadata(file.metadata(), writer);
      List<TensorInfo> tensors = new ArrayList<>(file.tensors().values());
      tensors.sort(Comparator.comparing(TensorInfo::name, order()));
      for (TensorInfo t : tensors) {
        DType target = target(t);
        if (isMatrix(t.name(), t.shape()) && target != type) {
          fallbacks.put(t.name(), target);
        }
        writer.tensor(
            t.name(),
            new TensorSpec(target, t.shape()),
            sink -> {
              eachTensor.accept(t);
              converted(engine, file, t.name(), target).writeTo(sink);
            });
      }
      writer.write(out);
    }
    return new Report(
        in.toFile().length(), out.toFile().length(), Collections.unmodifiableMap(fallbacks));
  }

  /**
   * What a file of this type says about itself, at the end of its metadata, where llama.cpp puts it
   * too.
   *
   * @return {@code general.quantization_version} and {@code general.file_type}
   */
  public Map<String, GgufValue> metadata() {
    Map<String, GgufValue> pairs = new LinkedHashMap<>();
    pairs.put("general.quantization_version", integer(QUANTIZATION_VERSION));
    pairs.put("general.file_type", integer(FILE_TYPES.getOrDefault(type, 0)));
    return pairs;
  }

  /**
   * The type that a tensor of a new GGUF file takes.
   *
   * @param name as GGUF spells it
   * @param shape of any rank
   * @return this type for matrices, or the next one that fits; F32 for everything else
   */
  public DType typeOf(String name, Shape shape) {
    return isMatrix(name, shape) ? fitting(shape) : ScalarType.F32;
  }

  /**
   * Brings tensors into the order in which llama.cpp writes them, so that the same weights give the
   * same file: those of no block, then block by block, each by name.
   *
   * @return compares names as GGUF spells them
   */
  public static Comparator<String> order() {
    return Comparator.<String>comparingInt(Quantization::layer).thenComparing(name -> name);
  }

  /**
   * The bytes of a tensor in another element type.
   *
   * @param engine its threads do the work
   * @param source the file the tensor comes from, for messages
   * @param name of the tensor, for messages
   * @param values gives the tensor when its turn has come, inside a scope
   * @param target the wanted type
   * @return writes them some rows at a time; throws {@link NotSupportedException} for NaN or
   *     infinity that the target can't hold
   */
  public static TensorSource converted(
      Engine engine, String source, String name, Supplier<Tensor> values, DType target) {
    return new RowConverter(engine, source, name, values, target);
  }

  private static TensorSource converted(Engine engine, GgufFile file, String name, DType target) {
    Supplier<Tensor> stored = () -> engine.wrap(file.storage(name), file.spec(name));
    return converted(engine, file.path().toString(), name, stored, target);
  }

  /** All of the old metadata, and at its end what has changed. */
  private void metadata(GgufMetadata from, GgufWriter writer) {
    Map<String, GgufValue> changed = metadata();
    from.asMap()
        .forEach(
            (key, value) -> {
              if (!changed.containsKey(key)) {
                writer.put(key, value);
              }
            });
    changed.forEach(writer::put);
  }

  private static GgufValue integer(int value) {
    return new GgufValue.Int(GgufType.UINT32, value);
  }

  /** The number of the block a tensor belongs to, −1 for none. */
  private static int layer(String name) {
    Matcher m = LAYER.matcher(name);
    return m.lookingAt() ? Integer.parseInt(m.group(1)) : -1;
  }

  private static boolean isMatrix(String name, Shape shape) {
    return shape.rank() >= 2
        && name.endsWith("weight")
        && !name.endsWith("_norm.weight")
        && !name.equals("position_embd.weight")
        && !name.equals("token_types.weight");
  }

  private DType target(TensorInfo t) {
    if (!isMatrix(t.name(), t.shape()) || t.dtype() == type) {
      return t.dtype();
    }
    if (t.dtype().isBlock()) {
      throw new NotSupportedException(
          "[quantize] tensor '"
              + t.name()
              + "' is "
              + t.typeName()
              + " already, and rounding twice loses quality; start from an F32, F16 or BF16 file");
    }
    return fitting(t.shape());
  }

  /** This type, or the next one whose blocks the rows fill. */
  private DType fitting(Shape shape) {
    long row = shape.dim(-1);
    if (row % type.blockLength() == 0) {
      return type;
    }
    return row % BlockType.Q8_0.blockLength() == 0 ? BlockType.Q8_0 : ScalarType.F16;
  }
}
