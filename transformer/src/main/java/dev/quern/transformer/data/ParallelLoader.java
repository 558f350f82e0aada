package dev.quern.transformer.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** Prepares several batches at once, each on a thread of its own. */
final class ParallelLoader<B> implements Loader<B> {
  private final Dataset<B> batches;
  private final int ahead;
  private final String plan;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Deque<Future<B>> coming = new ArrayDeque<>();
  private long next;
  private boolean closed;

  ParallelLoader(Dataset<B> batches, int ahead, LoaderState from) {
    this.batches = batches;
    this.ahead = ahead;
    this.plan = from.plan();
    this.next = from.next();
    prepare();
  }

  private void prepare() {
    while (coming.size() < ahead && next + coming.size() < batches.size()) {
      long number = next + coming.size();
      coming.add(threads.submit(() -> batches.get(number)));
    }
  }

  @Override
  public @Nullable B next() {
    if (closed) {
      throw Failures.closed();
    }
    if (next >= batches.size()) {
      return null;
    }
    Future<B> first = coming.peek();
    B batch = first == null ? batches.get(next) : await(first);
    coming.poll();
    next++;
    prepare();
    return batch;
  }

  private static <B> B await(Future<B> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw Failures.rethrow(e.getCause() == null ? e : e.getCause());
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
    threads.shutdownNow();
    threads.close();
    coming.clear();
  }
}
