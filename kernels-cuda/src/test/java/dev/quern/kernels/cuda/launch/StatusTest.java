package dev.quern.kernels.cuda.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.IndexException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.FakeDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The host's side of the record, against a kernel's steps, taken one by one. */
class StatusTest {
  private static final int WANTED = 0;
  private static final int CLAIMED = 4;
  private static final int DONE = 8;

  private final MemorySegment memory = Arena.ofAuto().allocate(Status.BYTES, 8).fill((byte) 0x55);
  private final Status status = new Status(memory);
  private final int site = status.site("gather", "indices");

  /** As {@code report} of quern.cuh begins: the number that it may write, or 0. */
  private int claim() {
    int number = memory.get(ValueLayout.JAVA_INT, WANTED);
    if (memory.get(ValueLayout.JAVA_INT, CLAIMED) != number - 1) {
      return 0;
    }
    memory.set(ValueLayout.JAVA_INT, CLAIMED, number);
    return number;
  }

  private void write(long value) {
    memory.set(ValueLayout.JAVA_INT, 12, Status.INDEX);
    memory.set(ValueLayout.JAVA_INT, 16, site);
    memory.set(ValueLayout.JAVA_LONG, 24, -1);
    memory.set(ValueLayout.JAVA_LONG, 32, value);
    memory.set(ValueLayout.JAVA_LONG, 40, 4);
  }

  private void report(long value) {
    int number = claim();
    if (number != 0) {
      write(value);
      memory.set(ValueLayout.JAVA_INT, DONE, number);
    }
  }

  private String heard() {
    return assertThrows(IndexException.class, status::check).getMessage();
  }

  @Test
  void theFirstOfWrongValuesIsToldOnce() {
    status.check();
    report(9);
    report(10);
    assertTrue(heard().contains("is 9,"));
    status.check();
    report(11);
    assertTrue(heard().contains("is 11,"), "and then the next one");
    status.check();
  }

  @Test
  void aRecordThatIsBeingWrittenIsNotReadYet() {
    int number = claim();
    status.check();
    write(9);
    status.check();
    report(10); // by another thread of the device
    memory.set(ValueLayout.JAVA_INT, DONE, number);
    assertTrue(heard().contains("is 9,"));
  }

  @Test
  void whatKernelsFindWhileTheHostReadsDoesntTearTheRecord() {
    report(9);
    assertEquals(0, claim(), "until the host has read it");
    assertTrue(heard().contains("is 9,"));
    assertEquals(2, claim());
  }

  @Test
  void recordsOfEnginesThatAreGoneAreTakenAgain() throws InterruptedException {
    FakeDriver driver = new FakeDriver();
    StatusRecords records = new StatusRecords(new DeviceContext(driver, 0));
    Set<Long> places = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      List<Status> some = new ArrayList<>();
      for (int j = 0; j < 32; j++) {
        Status s = records.take();
        s.check();
        places.add(s.memory().address());
        some.add(s);
      }
      assertEquals(32, some.stream().map(s -> s.memory().address()).distinct().count());
      some.clear();
      if (places.size() < 32 * (i + 1)) {
        return;
      }
      System.gc();
      Thread.sleep(10);
    }
    throw new AssertionError("no record came back");
  }
}
