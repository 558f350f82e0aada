package dev.quern.transformer.model;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.memory.PageMover;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Setting;
import dev.quern.transformer.decode.ModelFile;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The files of a generator of text. Once it is decoded from, they are moved into large pages, in
 * the background: decoding reads all weights for every token, and from a mapped file's small pages
 * memory gives a tenth to a fifth less.
 *
 * <p>Only where there is plenty of memory, because moved weights can't be dropped and read again as
 * a file's pages can, nor shared with other processes: the machine, or its container, has {@value
 * #ROOM} times the model's size, and an {@value #RESERVE}th of it stays available, which is looked
 * at before each part. {@code -Dquern.memory.keepMapped=true} forbids it.
 */
final class MappedModel implements ModelFile {
  private static final System.Logger LOG = System.getLogger("dev.quern.model");
  private static final long WORTHWHILE_BYTES = 32L << 20;
  private static final long ROOM = 3;
  private static final long RESERVE = 8;

  private final TensorFile file;
  private final Optional<PageMover> mover;
  private final AvailableMemory memory;
  private final ThreadFactory threads;
  private final boolean keepMapped = Setting.flag("quern.memory.keepMapped");
  private final AtomicBoolean started = new AtomicBoolean();
  private volatile boolean moving;

  MappedModel(TensorFile file, KernelRegistry kernels) {
    this(
        file,
        kernels.pageMover(),
        AvailableMemory.here(),
        Thread.ofPlatform().daemon().name("quern-large-pages").factory());
  }

  /**
   * Of given means.
   *
   * @param file the model's
   * @param mover what moves it, if anything does
   * @param memory that there is
   * @param threads of the thread that moves
   */
  MappedModel(
      TensorFile file, Optional<PageMover> mover, AvailableMemory memory, ThreadFactory threads) {
    this.file = file;
    this.mover = mover;
    this.memory = memory;
    this.threads = threads;
  }

  @Override
  public void checkLength() {
    file.checkLength();
  }

  @Override
  public void isReadOften() {
    if (keepMapped || mover.isEmpty() || !started.compareAndSet(false, true)) {
      return;
    }
    if (isWorthwhile()) {
      start(mover.get());
    }
  }

  private void start(PageMover with) {
    moving = true;
    try {
      threads.newThread(() -> move(with)).start();
    } catch (OutOfMemoryError e) { // no more threads: tokens come all the same, only slower
      moving = false;
      LOG.log(Level.DEBUG, "no thread to move the model into large pages with", e);
    }
  }

  @Override
  public boolean isSettled() {
    return !moving;
  }

  private boolean isWorthwhile() {
    long bytes = file.tensors().values().stream().mapToLong(TensorInfo::byteSize).sum();
    return bytes >= WORTHWHILE_BYTES && memory.total() / ROOM >= bytes && hasRoom(bytes);
  }

  private boolean hasRoom(long bytes) {
    return memory.available() - bytes >= memory.total() / RESERVE;
  }

  private void move(PageMover with) {
    try {
      long moved = file.moveTo(part -> hasRoom(part.byteSize()) && with.move(part));
      LOG.log(Level.DEBUG, "{0}: {1} bytes are in large pages", file.path(), moved);
    } catch (ScopeClosedException | FormatException e) {
      LOG.log(Level.DEBUG, "the model went away while it was moved into large pages", e);
    } finally {
      moving = false;
    }
  }
}
