package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.memory.MappedFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A mapped file keeps addresses and bytes while its pages are exchanged. */
class LargePagesTest {
  private static final int LARGE = 2 << 20;
  private static final int BYTES = 9 * LARGE + 4321;

  private @TempDir Path folder;

  private static long sum(MemorySegment s) {
    long sum = 0;
    for (long i = 0; i + 8 <= s.byteSize(); i += 8) {
      sum = 31 * sum + s.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
    }
    return sum;
  }

  @Test
  void readersNoticeNothing() throws Exception {
    Functions functions = Harness.tiers().getLast();
    byte[] bytes = new byte[BYTES];
    new Random(1).nextBytes(bytes);
    Path path = Files.write(folder.resolve("model"), bytes);
    long expected = sum(MemorySegment.ofArray(bytes));
    for (int round = 0; round < 5; round++) {
      try (MappedFile file = MappedFile.open(path)) {
        AtomicBoolean done = new AtomicBoolean();
        CompletableFuture<Integer> reader =
            CompletableFuture.supplyAsync(
                () -> {
                  int passes = 0;
                  do {
                    assertEquals(expected, sum(file.bytes()));
                    passes++;
                  } while (!done.get());
                  return passes;
                });
        long moved = file.moveTo(functions::moveToLargePages);
        done.set(true);
        assertTrue(reader.get() > 0);
        assumeTrue(moved > 0, "skipped: this system has no transparent huge pages");
        assertEquals(BYTES, moved);
        assertEquals(expected, sum(file.bytes()));
      }
    }
  }

  @Test
  void movedBytesNoLongerNeedTheFile() throws IOException {
    Functions functions = Harness.tiers().getLast();
    byte[] bytes = new byte[BYTES];
    new Random(2).nextBytes(bytes);
    Path path = Files.write(folder.resolve("model"), bytes);
    try (MappedFile file = MappedFile.open(path)) {
      long moved = file.moveTo(functions::moveToLargePages);
      assumeTrue(moved > 0, "skipped: this system has no transparent huge pages");
      try (RandomAccessFile f = new RandomAccessFile(path.toFile(), "rw")) {
        f.setLength(0);
      }
      int from = (int) (LARGE - file.bytes().address() % LARGE);
      MemorySegment middle = file.bytes().asSlice(from, 8L * LARGE);
      assertEquals(-1, middle.mismatch(MemorySegment.ofArray(bytes).asSlice(from, 8L * LARGE)));
    }
  }

  @Test
  void memoryThatWasTouchedKeepsItsBytes() {
    Functions functions = Harness.tiers().getLast();
    MemorySegment memory = Arena.ofAuto().allocate(BYTES, 64);
    byte[] bytes = new byte[BYTES];
    new Random(2).nextBytes(bytes);
    memory.copyFrom(MemorySegment.ofArray(bytes));
    boolean asked = functions.largePages(memory);
    assertEquals(sum(MemorySegment.ofArray(bytes)), sum(memory));
    memory.fill((byte) 1); // and it can be written
    assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, BYTES - 1));
    assumeTrue(asked, "skipped: this system has no transparent huge pages");
  }
}
