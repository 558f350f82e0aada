package dev.quern.transformer.families;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorFile;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.layers.LayerNorm;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.RmsNorm;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A checkpoint's tensors as layers want them, checked by name and shape.
 *
 * <p>On the host, big weights are views of the mapped file. What had to be converted (norms and
 * biases to F32, transposed maps) lives in memory of its own until {@link #close}, and for an
 * engine with another device all weights do: each is copied there from the mapped file when it is
 * first asked for.
 */
public final class Weights implements AutoCloseable {
  private static final int SHOWN = 5;

  private final Engine engine;
  private final Checkpoint checkpoint;
  private final TensorFile file;
  private final Set<String> used = new HashSet<>();
  private final Lifetime lifetime;
  private final List<Storage> owned = new ArrayList<>();
  private final Map<String, Tensor> converted = new HashMap<>();
  private final Map<String, Tensor> moved = new HashMap<>();
  private final TrainedWeights trained;
  private final LeakReport leak;

  /**
   * The weights of a checkpoint.
   *
   * @param engine runs what is computed with them
   * @param checkpoint stays open as long as the weights are used
   */
  public Weights(Engine engine, Checkpoint checkpoint) {
    this(engine, checkpoint, _ -> false);
  }

  /**
   * The weights of a checkpoint, some of which are to be trained: those are copied into buffers, in
   * F32, and {@link #trained} lists them once a family was loaded. A family may be loaded again
   * from the same weights, inside a recording too, and then finds the same buffers.
   *
   * @param engine runs what is computed with them
   * @param checkpoint stays open as long as the weights are used
   * @param training which tensors are trained, by the checkpoint's names; the others stay as they
   *     are
   */
  public Weights(Engine engine, Checkpoint checkpoint, Predicate<String> training) {
    this.engine = engine;
    this.trained = new TrainedWeights(engine, training);
    this.checkpoint = checkpoint;
    this.file = checkpoint.tensors();
    this.lifetime = new Lifetime("weights of '" + checkpoint.path().getFileName() + "'");
    this.leak = LeakReport.watch(this, lifetime, owned);
  }

  /**
   * What runs operations on the weights.
   *
   * @return the engine
   */
  public Engine engine() {
    return engine;
  }

  /**
   * Where they come from.
   *
   * @return the checkpoint
   */
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /**
   * Whether there is a tensor of a name.
   *
   * @param name as the checkpoint spells it
   * @return true if there is
   */
  public boolean contains(String name) {
    return file.contains(name);
  }

  /**
   * The extent of a tensor's axis, for sizes that no setting gives.
   *
   * @param name as the checkpoint spells it
   * @param axis from the end if negative
   * @return its extent
   * @throws FormatException if the tensor is missing or has no such axis
   */
  public int extent(String name, int axis) {
    Shape shape = require(name, "some shape").shape();
    if (axis >= shape.rank() || axis < -shape.rank()) {
      throw new FormatException(
          file.path()
              + ": tensor '"
              + name
              + "' has shape "
              + shape
              + ", which has no axis "
              + axis);
    }
    return Math.toIntExact(shape.dim(axis));
  }

  /**
   * The extent of a tensor's axis, which for a new model a setting says.
   *
   * @param name as the checkpoint spells it
   * @param axis from the end if negative
   * @param setting key of the settings
   * @return its extent
   * @throws FormatException if the tensor or the setting is missing
   */
  public int extent(String name, int axis, String setting) {
    return file instanceof FreshTensors
        ? checkpoint.settings().positive(setting)
        : extent(name, axis);
  }

  /**
   * A tensor as it is stored, or the buffer it is trained in.
   *
   * @param name as the checkpoint spells it
   * @param dims the extents it must have
   * @return on the engine's device, F32|F16|BF16|F64|block type; on the host a view of the file
   * @throws FormatException if it is missing, of another shape, or not floating point; names file,
   *     tensor, expected and found shape
   * @throws dev.quern.core.type.NotSupportedException if its element type is not supported
   */
  public Tensor stored(String name, long... dims) {
    Tensor t = mapped(name, dims);
    return trained.wants(name) ? trained.of(name, t, false) : home(name, t);
  }

  /** A tensor of the file on the engine's device; converted it may be there once more. */
  private Tensor home(String name, Tensor t) {
    return t.device().equals(engine.device()) ? t : moved.computeIfAbsent(name, _ -> keep(t));
  }

  private Tensor mapped(String name, long... dims) {
    Shape wanted = Shape.of(dims);
    if (file instanceof FreshTensors fresh) {
      fresh.want(name, wanted);
    }
    TensorSpec found = require(name, wanted.toString());
    if (!found.shape().equals(wanted)) {
      throw new FormatException(
          file.path()
              + ": tensor '"
              + name
              + "' has shape "
              + found.shape()
              + " "
              + found.dtype().name()
              + ", expected "
              + wanted
              + "; the settings and the weights don't belong together");
    }
    if (!found.dtype().isFloating()) {
      throw new FormatException(
          file.path()
              + ": tensor '"
              + name
              + "' is "
              + found
              + ", expected floating point or a block type");
    }
    used.add(name);
    return engine.wrap(file.storage(name), found);
  }

  /**
   * A small tensor in F32: a view if it is stored so, else converted once.
   *
   * @param name as the checkpoint spells it
   * @param dims the extents it must have
   * @return F32
   * @throws FormatException as {@link #stored}
   */
  public Tensor f32(String name, long... dims) {
    Tensor t = mapped(name, dims);
    if (trained.wants(name)) {
      return trained.of(name, t, false);
    }
    if (t.dtype() == ScalarType.F32) {
      return home(name, t);
    }
    return converted.computeIfAbsent(
        name,
        _ -> {
          try (TensorScope _ = TensorScope.open("convert")) {
            return keep(t.cast(ScalarType.F32));
          }
        });
  }

  /**
   * A map that is stored as [in, out], turned once into the [out, in] that {@link Linear} takes.
   *
   * @param name as the checkpoint spells it
   * @param out extent of the result's last axis
   * @param in extent of the input's last axis
   * @return [out, in] of the stored dtype, in memory of its own
   * @throws FormatException as {@link #stored}
   */
  public Tensor transposed(String name, long out, long in) {
    Tensor t = mapped(name, in, out);
    if (trained.wants(name)) {
      return trained.of(name, t, true);
    }
    return converted.computeIfAbsent(
        name,
        _ -> {
          try (TensorScope _ = TensorScope.open("transpose")) {
            return keep(t.transpose().contiguous());
          }
        });
  }

  /**
   * A linear map {@code prefix.weight} and, if asked for, {@code prefix.bias}.
   *
   * @param prefix as the checkpoint spells it
   * @param out extent of the result's last axis
   * @param in extent of the input's last axis
   * @param bias whether there is one
   * @return the layer
   * @throws FormatException as {@link #stored}
   */
  public Linear linear(String prefix, long out, long in, boolean bias) {
    Tensor weight = stored(prefix + ".weight", out, in);
    return bias ? new Linear(weight, f32(prefix + ".bias", out)) : new Linear(weight);
  }

  /**
   * An RMSNorm {@code prefix.weight}.
   *
   * @param prefix as the checkpoint spells it
   * @param dim extent of the normalised axis
   * @param eps added to the mean square
   * @return the layer
   * @throws FormatException as {@link #stored}
   */
  public RmsNorm rmsNorm(String prefix, long dim, double eps) {
    return new RmsNorm(f32(prefix + ".weight", dim), (float) eps);
  }

  /**
   * A LayerNorm {@code prefix.weight} and {@code prefix.bias}.
   *
   * @param prefix as the checkpoint spells it
   * @param dim extent of the normalised axis
   * @param eps added to the variance
   * @return the layer
   * @throws FormatException as {@link #stored}
   */
  public LayerNorm layerNorm(String prefix, long dim, double eps) {
    return new LayerNorm(f32(prefix + ".weight", dim), f32(prefix + ".bias", dim), (float) eps);
  }

  /**
   * Keeps values beyond their scope, until {@link #close}, on the engine's device.
   *
   * @param values on the host or on that device
   * @return a copy there, without gaps
   */
  public Tensor keep(Tensor values) {
    TensorSpec spec = values.spec();
    Tensor packed = values.contiguous();
    TensorView view = packed.view();
    MemorySegment bytes = view.segment().asSlice(view.offsetBytes(), spec.byteSize());
    Backend home = engine.home();
    Storage storage = Storage.allocate(home.memory(), spec, lifetime, false);
    owned.add(storage);
    try {
      if (packed.device().equals(home.device())) {
        home.copy(bytes, storage.segment());
      } else {
        home.upload(bytes, storage.segment());
      }
    } finally {
      Reference.reachabilityFence(packed);
    }
    return engine.wrap(storage, spec);
  }

  /**
   * What is trained, once a family was loaded.
   *
   * @return in the order in which the family asked for them
   */
  public List<TrainedWeight> trained() {
    return trained.all();
  }

  /**
   * Checks that every tensor of the file found its place.
   *
   * @param ignorable names that may stay unused: what checkpoints carry beside the weights
   * @throws FormatException if others were left over; names them
   */
  public void checkAllUsed(Predicate<String> ignorable) {
    List<String> left =
        file.names().stream().filter(n -> !used.contains(n) && !ignorable.test(n)).toList();
    if (!left.isEmpty()) {
      throw new FormatException(
          file.path()
              + ": "
              + left.size()
              + " tensors have no place in a model of architecture '"
              + checkpoint.architecture()
              + "': "
              + String.join(
                  ", ",
                  left.stream()
                      .limit(SHOWN)
                      .map(n -> "'" + n + "' " + file.info(n).shape())
                      .toList())
              + (left.size() > SHOWN ? ", ..." : "")
              + "; it may be a variant that is not supported");
    }
  }

  private TensorSpec require(String name, String wanted) {
    if (!file.contains(name)) {
      throw new FormatException(
          file.path()
              + ": tensor '"
              + name
              + "' is missing (expected "
              + wanted
              + "); the file has "
              + file.names().size()
              + " tensors and may be incomplete");
    }
    return file.spec(name);
  }

  /**
   * Frees the converted weights, once no operation of another thread uses them any more.
   *
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    if (!lifetime.close(() -> owned.forEach(Storage::recycle))) {
      throw new ScopeClosedException(lifetime.owner() + " were closed twice; close them once");
    }
    trained.close();
    leak.done();
  }
}
