package dev.quern.core.engine;

import dev.quern.core.autograd.Tape;
import dev.quern.core.autograd.Tapes;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.SegmentPool;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Backends;
import dev.quern.core.plan.Eager;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recorder;
import dev.quern.core.plan.Recording;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Device;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Runs operations on tensors, eagerly or recorded into a {@link Plan}. Safe to share between
 * threads; a recording or tape belongs to the thread that opened it.
 */
@SuppressWarnings("ThreadLocalUsage") // a recording and a tape are of one engine on one thread
public final class Engine implements Executor, TensorFactory, AutoCloseable {
  private final Eager eager;
  private final boolean ownsPool;
  private final ThreadLocal<@Nullable Recorder> recorder = new ThreadLocal<>();
  private final ThreadLocal<@Nullable Tapes> tapes = new ThreadLocal<>();

  private Engine(Backends backends, Precision precision, TaskPool pool, boolean ownsPool) {
    this.ownsPool = ownsPool;
    this.eager = new Eager(this, backends, precision, pool);
  }

  /**
   * An engine with everything that is found: all kernel providers, the process's threads, {@link
   * Precision#AUTO}.
   *
   * @return the engine
   */
  public static Engine create() {
    return builder().build();
  }

  /**
   * An engine to be configured.
   *
   * @return a builder with the defaults of {@link #create}
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Configures an engine. */
  public static final class Builder {
    private Precision precision = Precision.AUTO;
    private @Nullable TaskPool pool;
    private @Nullable KernelRegistry kernels;
    private @Nullable List<DeviceProvider> devices;
    private Device device = Device.CPU;

    private Builder() {}

    /**
     * What matrix products may round.
     *
     * @param choice AUTO unless set
     * @return this
     */
    public Builder precision(Precision choice) {
      precision = choice;
      return this;
    }

    /**
     * Threads of its own instead of the process's.
     *
     * @param count the caller included
     * @return this
     */
    public Builder threads(int count) {
      pool = new TaskPool(count);
      return this;
    }

    /**
     * Where tensors are made, buffers live and plans run. Operations run where their inputs are.
     *
     * @param home the CPU unless set
     * @return this
     */
    public Builder device(Device home) {
      device = home;
      return this;
    }

    /**
     * Given devices instead of those found; the CPU is always there.
     *
     * @param providers in any order
     * @return this
     */
    public Builder devices(DeviceProvider... providers) {
      devices = new ArrayList<>(List.of(providers));
      devices.addFirst(new CpuDevice());
      return this;
    }

    /**
     * Given kernel providers for the CPU instead of those found; the reference kernels are always
     * there.
     *
     * @param providers in any order
     * @return this
     */
    public Builder kernels(KernelProvider... providers) {
      List<KernelProvider> all = new ArrayList<>(List.of(providers));
      if (all.stream().noneMatch(ReferenceProvider.class::isInstance)) {
        all.add(new ReferenceProvider());
      }
      kernels = new KernelRegistry(all);
      return this;
    }

    /**
     * Builds it.
     *
     * @return the engine
     * @throws dev.quern.core.type.SettingException if a system property {@code quern.*} has a value
     *     that is not understood
     * @throws dev.quern.core.type.DeviceException if there is no such device, or it can't be used;
     *     says what there is, and why not
     */
    public Engine build() {
      SegmentPool.shared(); // a wrong setting is reported here, not at some later allocation
      Backend cpu =
          new CpuBackend(
              kernels == null ? KernelRegistry.load("cpu", new ReferenceProvider()) : kernels);
      List<DeviceProvider> given = devices;
      Function<Device, Backend> open =
          d ->
              d.equals(Device.CPU)
                  ? cpu
                  : new Devices(given == null ? Engine.devices() : given).open(d).forEngine();
      return new Engine(
          new Backends(open.apply(device), open),
          precision,
          pool == null ? TaskPool.shared() : pool,
          pool != null);
    }
  }

  /**
   * The kinds of device there are support for: the CPU, and what ServiceLoader finds.
   *
   * @return each with its probe and devices
   */
  public static List<DeviceProvider> devices() {
    List<DeviceProvider> all = new ArrayList<>();
    all.add(new CpuDevice());
    ServiceLoader.load(DeviceProvider.class).forEach(all::add);
    return List.copyOf(all);
  }

  /** Stops the threads it was given for itself. Its tensors stay. */
  @Override
  public void close() {
    if (ownsPool) {
      eager.pool().close();
    }
  }

  /**
   * Lets go of the freed tensor memory that the process keeps for reuse. Memory that was not reused
   * for a minute or two goes by itself as work goes on; this is for a process that falls idle after
   * large work. The system gets it back at the garbage collector's next full cycle; call {@link
   * System#gc} to have it at once.
   *
   * @return how many bytes
   */
  public static long trimMemory() {
    return SegmentPool.shared().trim();
  }

  /**
   * What matrix products may round.
   *
   * @return as configured
   */
  public Precision precision() {
    return eager.precision();
  }

  /**
   * The threads.
   *
   * @return its pool
   */
  public TaskPool pool() {
    return eager.pool();
  }

  /**
   * The kernels it chooses from, on its own device.
   *
   * @return the registry
   */
  public KernelRegistry kernels() {
    return home().kernels();
  }

  /**
   * Its own device, opened.
   *
   * @return where tensors are made, buffers live and plans run
   */
  public Backend home() {
    return eager.backends().home();
  }

  @Override
  public Device device() {
    return home().device();
  }

  @Override
  public Tensor create(CreateOp op, Device device) {
    if (device.equals(device())) {
      return one(op);
    }
    Backend there = eager.backends().of(device);
    return eager.run(op, List.of(), false, TensorScope::allocate, there).getFirst();
  }

  @Override
  public Executor executor() {
    return this;
  }

  @Override
  public List<Tensor> apply(Op op, List<Tensor> inputs) {
    Tapes t = tapes.get();
    return t == null
        ? run(op, inputs, false)
        : t.apply(op, inputs, residuals -> run(op, inputs, residuals));
  }

  @Override
  public Tensor detach(Tensor tensor) {
    Recorder r = recorder.get();
    return tensor.hasValues() || r == null
        ? new Tensor(this, tensor.dtype(), tensor.layout(), tensor.storage())
        : r.alias(tensor);
  }

  @Override
  public Tensor move(Tensor tensor, Device device) {
    Recorder r = recorder.get();
    if (r != null) {
      r.checkMove(tensor, device);
    }
    Tapes t = tapes.get();
    Supplier<Tensor> move = () -> new Mover(eager.backends()).move(tensor, device);
    return t == null ? move.get() : t.apply("to", tensor, g -> g.to(tensor.device()), move);
  }

  private List<Tensor> run(Op op, List<Tensor> inputs, boolean residuals) {
    Recorder r = recorder.get();
    return r == null
        ? eager.run(op, inputs, residuals, TensorScope::allocate)
        : r.apply(op, inputs, residuals);
  }

  /**
   * Records code into a plan. The code runs once, on symbolic values; see {@link Recording}.
   *
   * @param name of the plan, for errors and {@code explain}
   * @param code what to record
   * @return the plan, to be closed
   * @throws QuernException if this thread is recording already
   */
  public Plan record(String name, Consumer<Recording> code) {
    if (recorder.get() != null) {
      throw new QuernException(
          "[record] '" + name + "' was begun inside another recording; record one after the other");
    }
    Recorder r = new Recorder(name, eager);
    try {
      record(r, code);
      return r.finish();
    } catch (RuntimeException | Error e) {
      r.abandon(e);
      throw e;
    }
  }

  private void record(Recorder r, Consumer<Recording> code) {
    recorder.set(r);
    try {
      code.accept(r);
    } finally {
      recorder.remove();
    }
  }

  /**
   * Opens a gradient tape on this thread. Tapes nest: one opened inside another one is closed
   * first, and the outer one sees what the inner one computes.
   *
   * @return the tape, to be closed
   */
  public Tape tape() {
    Tapes t = tapes.get();
    if (t == null) {
      t = new Tapes(tapes::remove);
      tapes.set(t);
    }
    return t.open();
  }

  /**
   * Runs code of which the open tapes keep only inputs and results: {@link Tape#checkpoint}. For
   * layers, which don't know of tapes; without one it just runs the code.
   *
   * @param code from inputs to results
   * @param inputs its arguments
   * @return its results
   */
  @Override
  public List<Tensor> checkpoint(UnaryOperator<List<Tensor>> code, List<Tensor> inputs) {
    Tapes t = tapes.get();
    return t == null ? code.apply(inputs) : t.checkpoint(code, inputs);
  }

  /**
   * A tensor over memory that somebody else owns, such as a mapped file.
   *
   * @param storage the memory
   * @param spec dtype and shape of its contents
   * @return the tensor
   */
  public Tensor wrap(Storage storage, TensorSpec spec) {
    return new Tensor(this, spec.dtype(), Layout.contiguous(spec.shape()), storage);
  }

  /**
   * Mutable state, zero at first.
   *
   * @param name what errors call it
   * @param spec dtype and shape
   * @return the buffer; closing it gives its memory back at once, and the garbage collector does if
   *     it is forgotten
   */
  public Buffer buffer(String name, TensorSpec spec) {
    return new Buffer(name, wrap(zeroed(spec, new Lifetime("buffer '" + name + "'"), true), spec));
  }

  /**
   * Memory on its own device, zero at first, for owners of several tensors: a cache, a model.
   *
   * @param spec what it is for
   * @param owner whose end {@linkplain Storage#recycle recycles} it
   * @param mutable whether operations may write to it
   * @return the storage
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public Storage zeroed(TensorSpec spec, Lifetime owner, boolean mutable) {
    Storage s = Storage.allocate(home().memory(), spec, owner, mutable);
    home().zero(s.segment());
    return s;
  }

  @Override
  public Tensor tensor(TensorSpec spec, MemorySegment bytes) {
    if (bytes.byteSize() != spec.byteSize()) {
      throw new ShapeException(
          "[tensor] " + spec + " needs " + spec.byteSize() + " bytes, got " + bytes.byteSize());
    }
    Storage s = TensorScope.allocate(spec, home().memory());
    home().upload(bytes, s.segment());
    return wrap(s, spec);
  }

  /**
   * Which kernel a call would take, and why.
   *
   * @param op the operation
   * @param inputs its operands
   * @return a few lines
   */
  public String explain(Op op, Tensor... inputs) {
    List<TensorSpec> specs = List.of(inputs).stream().map(Tensor::spec).toList();
    Backend where = inputs.length == 0 ? home() : eager.backends().of(inputs[0].device());
    return where
        .kernels()
        .explain(KernelSignature.of(op, List.of(inputs), op.infer(specs), false, precision()));
  }
}
