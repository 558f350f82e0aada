package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.memory.PageMover;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import org.junit.jupiter.api.Test;

/** When a model's files are moved into large pages. */
class MappedModelTest {
  private static final long MIB = 1L << 20;
  private static final long MODEL = 64 * MIB;
  private static final int PARTS = 4;

  private final List<Thread> threads = new ArrayList<>();
  private final List<MemorySegment> moved = new ArrayList<>();
  private long available = 1024 * MIB;

  /** A file of one tensor, none of which is ever read. */
  private record OneTensor(long bytes) implements TensorFile {
    @Override
    public Path path() {
      return Path.of("model");
    }

    @Override
    public Map<String, TensorInfo> tensors() {
      Shape shape = Shape.of(bytes);
      return Map.of("w", new TensorInfo("w", "I8", ScalarType.I8, shape, 0, bytes));
    }

    @Override
    public Storage storage(String name) {
      throw new AssertionError(name + " is not read");
    }

    @Override
    public void checkLength() {}

    @Override
    public long moveTo(PageMover mover) {
      long done = 0;
      MemorySegment part = Arena.ofAuto().allocate(16);
      while (done < PARTS && mover.move(part)) {
        done++;
      }
      return done;
    }

    @Override
    public void close() {}
  }

  private MappedModel model(long bytes, long total, ThreadFactory factory) {
    var memory = new AvailableMemory(Path.of("absent"), () -> total, () -> available);
    return new MappedModel(new OneTensor(bytes), Optional.of(moved::add), memory, factory);
  }

  /** Keeps the thread, to wait for. */
  private Thread kept(Runnable work) {
    Thread thread = Thread.ofPlatform().unstarted(work);
    threads.add(thread);
    return thread;
  }

  @Test
  void isMovedOnceWhenItIsReadOften() throws InterruptedException {
    MappedModel model = model(MODEL, 1024 * MIB, this::kept);
    assertTrue(model.isSettled());
    assertEquals(0, threads.size());
    model.isReadOften();
    model.isReadOften();
    assertEquals(1, threads.size());
    threads.getFirst().join();
    assertTrue(model.isSettled());
    assertEquals(PARTS, moved.size());
  }

  @Test
  void staysWhereItIsIfThereIsLittleToGainOrLittleRoom() {
    model(31 * MIB, 1024 * MIB, this::kept).isReadOften(); // small
    model(MODEL, 3 * MODEL - 1, this::kept).isReadOften(); // a small machine
    available = MODEL + 127 * MIB; // less than an eighth would be left
    model(MODEL, 1024 * MIB, this::kept).isReadOften();
    assertEquals(0, threads.size());
  }

  @Test
  void stopsWhereOthersTookTheRoomMeanwhile() throws InterruptedException {
    PageMover greedy =
        part -> {
          available = 0;
          return moved.add(part);
        };
    var memory = new AvailableMemory(Path.of("absent"), () -> 1024 * MIB, () -> available);
    var model = new MappedModel(new OneTensor(MODEL), Optional.of(greedy), memory, this::kept);
    model.isReadOften();
    threads.getFirst().join();
    assertEquals(1, moved.size());
    assertTrue(model.isSettled());
  }

  @Test
  void isNotSettledWhileItMoves() throws InterruptedException {
    List<Boolean> settled = new ArrayList<>();
    List<MappedModel> model = new ArrayList<>();
    PageMover looking = _ -> settled.add(model.getFirst().isSettled());
    var memory = new AvailableMemory(Path.of("absent"), () -> 1024 * MIB, () -> available);
    model.add(new MappedModel(new OneTensor(MODEL), Optional.of(looking), memory, this::kept));
    model.getFirst().isReadOften();
    threads.getFirst().join();
    assertFalse(settled.isEmpty());
    assertFalse(settled.contains(true));
  }

  @Test
  void aThreadThatCannotStartIsDoneWithout() {
    ThreadFactory none =
        work ->
            new Thread(work) {
              @Override
              public void start() {
                throw new OutOfMemoryError("unable to create native thread");
              }
            };
    MappedModel model = model(MODEL, 1024 * MIB, none);
    model.isReadOften();
    assertTrue(model.isSettled());
    assertTrue(moved.isEmpty());
  }
}
