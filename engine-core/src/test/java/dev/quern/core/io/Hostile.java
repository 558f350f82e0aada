package dev.quern.core.io;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;

/**
 * Opens damaged files and judges the answer: a {@link FormatException} that names the file, or a
 * valid reading where the damage is harmless; never another exception, never much time or heap.
 */
public final class Hostile {
  /**
   * The longest that one file may take. They are a few kilobytes and take well below a millisecond;
   * a loop over a damaged count takes minutes. Between the two is a machine so busy that a thread
   * waits for a processor.
   */
  private static final Duration TIME = Duration.ofSeconds(5);

  /** The most heap that a small file may take. */
  private static final long HEAP_BYTES = 8 << 20;

  private final Path file;
  private final Consumer<Path> readAll;
  private int refused;
  private int harmless;

  /**
   * A judge.
   *
   * @param file where the damaged files are written
   * @param readAll opens a file, reads everything in it, closes it
   */
  public Hostile(Path file, Consumer<Path> readAll) {
    this.file = file;
    this.readAll = readAll;
  }

  /** The damage must be noticed. */
  public void refused(String label, byte[] bytes) {
    write(bytes);
    refusedFile(label);
  }

  /** The damage in the file that is already there must be noticed. */
  public void refusedFile(String label) {
    if (!judge(label)) {
      fail(label + ": was accepted");
    }
  }

  /** The damage must be noticed or do no harm. */
  public void tolerated(String label, byte[] bytes) {
    write(bytes);
    judge(label);
  }

  /** How many files were refused so far. */
  public int refused() {
    return refused;
  }

  /** How many files were read so far. */
  public int harmless() {
    return harmless;
  }

  /** Every beginning of a file that ends at one of the given lengths must be refused. */
  public void truncations(byte[] whole, int[] lengths) {
    for (int length : lengths) {
      refused("cut to " + length + " of " + whole.length, Arrays.copyOf(whole, length));
    }
  }

  /** Flips one bit in each byte of a range, then some pairs and bytes at random (fixed seed). */
  public void bitFlips(byte[] whole, int to, long seed) {
    Random random = new Random(seed);
    for (int at = 0; at < to; at++) {
      byte[] b = whole.clone();
      int bit = random.nextInt(8);
      b[at] ^= (byte) (1 << bit);
      tolerated("bit " + bit + " of byte " + at, b);
    }
    for (int i = 0; i < 300; i++) {
      byte[] b = whole.clone();
      int first = random.nextInt(to);
      int second = random.nextInt(to);
      b[first] ^= (byte) (1 << random.nextInt(8));
      b[second] = (byte) random.nextInt();
      tolerated("bytes " + first + " and " + second + ", round " + i, b);
    }
  }

  private void write(byte[] bytes) {
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** True if refused. */
  private boolean judge(String label) {
    boolean wasRefused =
        assertTimeoutPreemptively(
            TIME,
            () -> {
              long before = allocatedBytes();
              boolean r = isRefused(label);
              long used = allocatedBytes() - before;
              assertTrue(used < HEAP_BYTES, () -> label + ": took " + used + " bytes of heap");
              return r;
            },
            label);
    if (wasRefused) {
      refused++;
    } else {
      harmless++;
    }
    return wasRefused;
  }

  private boolean isRefused(String label) {
    try {
      readAll.accept(file);
      return false;
    } catch (NotSupportedException e) {
      return false;
    } catch (FormatException e) {
      String message = String.valueOf(e.getMessage());
      assertTrue(message.contains(file.getFileName().toString()), label + ": " + message);
      assertTrue(message.length() < 4000, label + ": a message of " + message.length());
      return true;
    } catch (RuntimeException | Error e) {
      return fail(label + ": answered by " + e, e);
    }
  }

  /** Heap that this thread has allocated; by reflection, since no module of ours needs it. */
  private static long allocatedBytes() {
    try {
      return (long) ALLOCATED.invoke(Thread.currentThread().threadId());
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static final MethodHandle ALLOCATED = allocated();

  private static MethodHandle allocated() {
    try {
      Object bean =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getThreadMXBean")
              .invoke(null);
      return MethodHandles.publicLookup()
          .findVirtual(
              Class.forName("com.sun.management.ThreadMXBean"),
              "getThreadAllocatedBytes",
              MethodType.methodType(long.class, long.class))
          .bindTo(bean);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
