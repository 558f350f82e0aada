package dev.quern.transformer.data;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/** Reads a source on one thread, which waits while enough batches are ready. */
final class StreamLoader<B> implements Loader<B> {
  private final String plan;
  private final BlockingQueue<Item<B>> ready;
  private final Thread reader;
  private @Nullable Item<B> end;
  private long next;
  private volatile boolean closed;

  /** A batch; or the end, which is an error if there is a failure. */
  private record Item<B>(@Nullable B batch, @Nullable Throwable failure) {}

  StreamLoader(ExampleSource<B> batches, int ahead, LoaderState from) {
    this.plan = from.plan();
    this.next = from.next();
    // One more is read before the reader has to wait.
    this.ready = new ArrayBlockingQueue<>(Math.max(1, ahead - 1));
    this.reader = Thread.ofVirtual().name("quern-loader").start(() -> read(batches, from.next()));
  }

  private void read(ExampleSource<B> batches, long position) {
    try {
      Item<B> last = null;
      try (ExampleStream<B> stream = batches.open(position)) {
        B batch = stream.next();
        // Asked too, because what reads may pass over an interruption.
        while (batch != null && !closed) {
          ready.put(new Item<>(batch, null));
          batch = stream.next();
        }
        last = new Item<>(null, null);
      } catch (RuntimeException | Error e) {
        last = new Item<>(null, e);
      }
      if (!closed) {
        ready.put(last);
      }
    } catch (InterruptedException e) {
      // The loader was closed: nobody takes what is ready any more.
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public @Nullable B next() {
    if (closed) {
      throw Failures.closed();
    }
    Item<B> item = end == null ? take() : end;
    if (item.batch != null) {
      next++;
      return item.batch;
    }
    end = item;
    if (item.failure != null) {
      throw Failures.rethrow(item.failure);
    }
    return null;
  }

  private Item<B> take() {
    try {
      return ready.take();
    } catch (InterruptedException e) {
      throw Failures.interrupted(e);
    }
  }

  @Override
  public LoaderState state() {
    return new LoaderState(next, plan);
  }

  @Override
  public void close() {
    closed = true;
    reader.interrupt();
    boolean interrupted = false;
    while (true) {
      try {
        reader.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
