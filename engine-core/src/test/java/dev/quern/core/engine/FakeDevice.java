package dev.quern.core.engine;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.TensorView;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.spi.Replay;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;

/**
 * A device that the host can't look into, made of the host: its addresses are made up, each block
 * has a twin in host memory, its kernels are the reference's over the twins, and it does nothing
 * before it is waited for. So whoever touches its memory from the host, reads without waiting, or
 * changes what is still to be read, fails.
 */
final class FakeDevice implements DeviceProvider, Backend {
  private final Device device;
  private final FakeMemory memory;
  private final KernelRegistry kernels = KernelRegistry.of(new Kernels());
  private final Queue<Runnable> stream = new ArrayDeque<>();
  volatile int openReplays;
  boolean refusesReplays;
  boolean refusesToClose;
  int replays;

  FakeDevice(String kind, long capacityBytes) {
    this.device = new Device(kind, 0);
    this.memory = new FakeMemory(device, capacityBytes);
  }

  @Override
  public String kind() {
    return device.kind();
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("made up");
  }

  @Override
  public List<Found> devices() {
    return List.of(new Found(device, "made up", 1 << 20));
  }

  @Override
  public Backend open(Device wanted) {
    return this;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public DeviceMemory memory() {
    return memory;
  }

  /** Bytes that somebody holds. */
  long heldBytes() {
    return memory.heldBytes();
  }

  @Override
  public KernelRegistry kernels() {
    return kernels;
  }

  private synchronized void put(Runnable work) {
    stream.add(work);
  }

  @Override
  public synchronized void synchronize() {
    for (Runnable next = stream.poll(); next != null; next = stream.poll()) {
      next.run();
    }
  }

  @Override
  public void upload(MemorySegment host, MemorySegment target) {
    MemorySegment staged = MemorySegment.ofArray(new byte[Math.toIntExact(host.byteSize())]);
    staged.copyFrom(host);
    MemorySegment twin = memory.twin(target);
    put(() -> twin.asSlice(0, staged.byteSize()).copyFrom(staged));
  }

  @Override
  public void download(MemorySegment source, MemorySegment host) {
    synchronize();
    MemorySegment.copy(memory.twin(source), 0, host, 0, source.byteSize());
  }

  @Override
  public void copy(MemorySegment source, MemorySegment target) {
    MemorySegment from = memory.twin(source);
    MemorySegment to = memory.twin(target);
    put(() -> MemorySegment.copy(from, 0, to, 0, from.byteSize()));
  }

  @Override
  public void zero(MemorySegment target) {
    MemorySegment twin = memory.twin(target);
    put(() -> twin.fill((byte) 0));
  }

  @Override
  public Replay compile(
      String plan, List<Runnable> calls, MemorySegment slots, MemorySegment parameters) {
    if (refusesReplays) {
      throw new DeviceException(device + ": no room for plan '" + plan + "'");
    }
    List<Runnable> all = List.copyOf(calls);
    openReplays++;
    return new Replay() {
      @Override
      public void run(int times) {
        replays++;
        if (slots.byteSize() > 0) {
          upload(slots, parameters);
        }
        for (int i = 0; i < times; i++) {
          all.forEach(Runnable::run);
        }
      }

      @Override
      public void close() {
        openReplays--;
        if (refusesToClose) {
          throw new DeviceException(device + ": can't close");
        }
      }
    };
  }

  /** The reference's kernels over the twins, put into the stream. */
  private final class Kernels implements KernelProvider {
    private final ReferenceProvider reference = new ReferenceProvider();

    @Override
    public String name() {
      return "fake";
    }

    @Override
    public String device() {
      return device.kind();
    }

    @Override
    public int priority() {
      return 0;
    }

    @Override
    public Probe probe() {
      return new Probe.Usable("made up");
    }

    @Override
    public Kernel find(KernelSignature signature) {
      Kernel kernel = reference.find(signature);
      return kernel == null ? null : new OnTwins(kernel);
    }
  }

  private final class OnTwins implements Kernel {
    private final Kernel kernel;

    OnTwins(Kernel kernel) {
      this.kernel = kernel;
    }

    @Override
    public String name() {
      return "fake " + kernel.name();
    }

    @Override
    public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
      return Math.max(1, kernel.scratchBytes(inputs, outputs));
    }

    @Override
    public Runnable bind(KernelArgs a) {
      KernelArgs args =
          new KernelArgs(
              a.op(),
              a.inputs().stream().map(memory::twin).toList(),
              a.outputs().stream().map(memory::twin).toList(),
              a.precision(),
              a.pool(),
              memory.twin(a.scratch()));
      Runnable call = kernel.bind(args);
      return () -> put(call);
    }
  }
}
