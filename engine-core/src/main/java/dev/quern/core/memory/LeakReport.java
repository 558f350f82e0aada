package dev.quern.core.memory;

import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Notices owners that became unreachable without having been closed, and says what they held.
 *
 * <p>The report goes to the logger {@code dev.quern.memory}: owner, number of tensors, and dtype
 * and shape of the first few.
 */
public final class LeakReport {
  private static final System.Logger LOG = System.getLogger("dev.quern.memory");
  private static final Cleaner CLEANER = Cleaner.create();
  private static final int SHOWN = 5;

  private static volatile Consumer<String> sink = message -> LOG.log(Level.WARNING, message);

  private final Cleaner.Cleanable cleanable;
  private final Check check;

  private LeakReport(Cleaner.Cleanable cleanable, Check check) {
    this.cleanable = cleanable;
    this.check = check;
  }

  /**
   * Sends reports somewhere else than to the logger.
   *
   * @param receiver gets each report; called on a thread of its own
   * @return where they went before
   */
  public static Consumer<String> reportTo(Consumer<String> receiver) {
    Consumer<String> before = sink;
    sink = receiver;
    return before;
  }

  /**
   * Watches an owner.
   *
   * @param owner the object whose {@code close} must be called
   * @param lifetime its lifetime
   * @param held what it holds, read when the report is made
   * @return to be told when the owner was closed properly
   */
  public static LeakReport watch(Object owner, Lifetime lifetime, List<Storage> held) {
    return watch(owner, lifetime, held, null);
  }

  /**
   * Watches an owner that has something to free even when it was forgotten.
   *
   * @param owner the object whose {@code close} must be called; {@code free} must not refer to it
   * @param lifetime its lifetime
   * @param held what it holds, read when the report is made
   * @param free run after the report
   * @return to be told when the owner was closed properly
   */
  public static LeakReport watch(
      Object owner, Lifetime lifetime, List<Storage> held, @Nullable Runnable free) {
    Check check = new Check(lifetime, held, free);
    return new LeakReport(CLEANER.register(owner, check), check);
  }

  /** The owner was closed: nothing to report. */
  public void done() {
    check.closed = true;
    cleanable.clean();
  }

  private static final class Check implements Runnable {
    private final Lifetime lifetime;
    private final List<Storage> held;
    private final @Nullable Runnable free;
    private volatile boolean closed;

    Check(Lifetime lifetime, List<Storage> held, @Nullable Runnable free) {
      this.lifetime = lifetime;
      this.held = held;
      this.free = free;
    }

    @Override
    public void run() {
      if (closed) {
        return;
      }
      StringBuilder what = new StringBuilder();
      for (int i = 0; i < Math.min(SHOWN, held.size()); i++) {
        what.append(i == 0 ? "" : ", ").append(held.get(i).spec());
      }
      sink.accept(
          "leak: "
              + lifetime.owner()
              + " was never closed; it held "
              + held.size()
              + " tensors ("
              + what
              + (held.size() > SHOWN ? ", ..." : "")
              + "); close it, best in try-with-resources");
      lifetime.close(free != null ? free : () -> {});
    }
  }
}
