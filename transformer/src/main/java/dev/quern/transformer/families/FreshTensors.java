package dev.quern.transformer.families;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.memory.PageMover;
import dev.quern.core.memory.Storage;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of a model that does not exist yet: each comes into being, in F32, when the family
 * asks for it by name and shape. So a family says once, by loading, what it consists of.
 */
final class FreshTensors implements TensorFile {
  /** First values of a weight. */
  @FunctionalInterface
  interface Values {
    /** A new tensor, F32 of that shape. */
    Tensor of(String name, Shape shape);
  }

  private final Path path;
  private final List<String> heads;
  private final Values values;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /**
   * No tensors yet.
   *
   * @param path for messages
   * @param heads beginnings of the names that the model has although a family may do without them
   * @param values of what is asked for
   */
  FreshTensors(Path path, List<String> heads, Values values) {
    this.path = path;
    this.heads = List.copyOf(heads);
    this.values = values;
  }

  /** Makes a tensor, unless it is there. */
  void want(String name, Shape shape) {
    tensors.computeIfAbsent(
        name,
        _ -> {
          Tensor t = values.of(name, shape).contiguous();
          infos.put(
              name, new TensorInfo(name, "F32", ScalarType.F32, shape, 0, t.spec().byteSize()));
          return t;
        });
  }

  /** The tensors asked for so far. */
  Map<String, Tensor> made() {
    return Collections.unmodifiableMap(tensors);
  }

  @Override
  public boolean contains(String name) {
    return tensors.containsKey(name) || heads.stream().anyMatch(name::startsWith);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(infos);
  }

  @Override
  public Storage storage(String name) {
    Tensor t = tensors.get(name);
    if (t == null) {
      throw new FormatException(path + ": tensor '" + name + "' was not asked for with a shape");
    }
    return t.storage();
  }

  @Override
  public void checkLength() {}

  @Override
  public long moveTo(PageMover mover) {
    return 0;
  }

  @Override
  public void close() {}
}
