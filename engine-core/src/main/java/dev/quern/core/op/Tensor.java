package dev.quern.core.op;

import dev.quern.core.memory.Storage;
import dev.quern.core.memory.Stored;
import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.Layout;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import org.jspecify.annotations.Nullable;

/**
 * An immutable handle on values: dtype, layout, and the storage they are in. Its operations are in
 * the interfaces it implements, one per family.
 *
 * <p>While a plan is being recorded, tensors stand for values of later: they have a shape and no
 * memory, and asking for their values is an error.
 */
public final class Tensor
    implements Stored,
        TensorMath,
        TensorReduce,
        TensorShape,
        TensorData,
        TensorNN,
        TensorConv,
        TensorValues {
  private final Executor executor;
  private final DType dtype;
  private final Layout layout;
  private final @Nullable Storage storage;

  /**
   * A tensor over memory, for executors.
   *
   * @param executor who runs its operations
   * @param dtype element type
   * @param layout where its elements are in the storage
   * @param storage the memory, or null while recording
   */
  public Tensor(Executor executor, DType dtype, Layout layout, @Nullable Storage storage) {
    this.executor = executor;
    this.dtype = dtype;
    this.layout = layout;
    this.storage = storage;
  }

  /**
   * Who runs its operations.
   *
   * @return the engine
   */
  public Executor executor() {
    return executor;
  }

  /**
   * Element type.
   *
   * @return the dtype
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * Extents.
   *
   * @return the shape
   */
  public Shape shape() {
    return layout.shape();
  }

  /**
   * Where its elements are.
   *
   * @return the layout
   */
  public Layout layout() {
    return layout;
  }

  /**
   * Element type and extents.
   *
   * @return the spec
   */
  public TensorSpec spec() {
    return new TensorSpec(dtype, layout.shape());
  }

  /**
   * Where its memory is.
   *
   * @return the device; while recording, the one that the plan will run on
   */
  public Device device() {
    return storage == null ? executor.device() : storage.device();
  }

  /**
   * Whether it has memory.
   *
   * @return false while recording
   */
  public boolean hasValues() {
    return storage != null;
  }

  @Override
  public Storage storage() {
    if (storage == null) {
      throw new QuernException(
          "tensor "
              + spec()
              + " is part of a recording and has no values yet; read outputs after"
              + " Plan.run()");
    }
    return storage;
  }

  /**
   * What a kernel sees of it.
   *
   * @return the view
   * @throws dev.quern.core.type.ScopeClosedException if its owner was closed
   */
  public TensorView view() {
    return new TensorView(dtype, layout, storage().segment());
  }

  /**
   * Dtype and shape, without values.
   *
   * @return for example {@code Tensor [2, 3] F32}
   */
  @Override
  public String toString() {
    return "Tensor " + spec();
  }
}
