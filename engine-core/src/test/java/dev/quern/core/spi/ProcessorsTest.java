package dev.quern.core.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Made-up machines: four cores of two hyper-threads each, in two memory nodes. */
class ProcessorsTest {
  @TempDir private Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  private void allow(String list) throws IOException {
    write("proc/self/status", "Name:\tjava\nCpus_allowed:\tff\nCpus_allowed_list:\t" + list);
  }

  @BeforeEach
  void machine() throws IOException {
    for (int cpu = 0; cpu < 8; cpu++) {
      write(
          "sys/devices/system/cpu/cpu" + cpu + "/topology/thread_siblings_list",
          cpu % 4 + "," + (cpu % 4 + 4));
    }
    write("sys/devices/system/node/online", "0-1");
    write("sys/devices/system/node/node0/cpulist", "0-1,4-5");
    write("sys/devices/system/node/node1/cpulist", "2-3,6-7");
    allow("0-7");
  }

  @Test
  void oneForEachCore() {
    assertEquals(
        new Processors(
            4,
            "one for each of 4 cores, which run 8 hyper-threads, in 2 memory nodes; threads are not"
                + " bound to them"),
        Processors.of(root, 8));
  }

  @Test
  void boundToANode() throws IOException {
    allow("2-3,6-7");
    assertEquals(
        new Processors(2, "one for each of 2 cores, which run 4 hyper-threads"),
        Processors.of(root, 4));
  }

  @Test
  void boundToOneThreadOfEachCore() throws IOException {
    allow("0,5");
    assertEquals(new Processors(2, "one for each of 2 cores"), Processors.of(root, 2));
  }

  @Test
  void aContainersLimit() throws IOException {
    allow("0-1,4-5");
    assertEquals(
        new Processors(1, "a limit of 1 processor on 2 cores, which run 4 hyper-threads"),
        Processors.of(root, 1));
    assertEquals(2, Processors.of(root, 3).threads());
  }

  @Test
  void withoutMemoryNodes() throws IOException {
    Files.delete(root.resolve("sys/devices/system/node/online"));
    assertEquals(
        "one for each of 4 cores, which run 8 hyper-threads", Processors.of(root, 8).reason());
  }

  @Test
  void whereFilesAreMissingOrStrange() throws IOException {
    Processors all = new Processors(8, "one for each of 8 processors; cores are unknown");
    assertEquals(all, Processors.of(root.resolve("elsewhere"), 8));
    Files.delete(root.resolve("sys/devices/system/cpu/cpu3/topology/thread_siblings_list"));
    assertEquals(all, Processors.of(root, 8));
    for (String list : new String[] {"0-x", "5-2", "-1", "99999999999"}) {
      allow(list);
      assertEquals(all, Processors.of(root, 8), list);
    }
    write("proc/self/status", "Name:\tjava");
    assertEquals(all, Processors.of(root, 8));
  }

  @Test
  void thisMachine() {
    Processors here = Processors.here();
    assertTrue(here.threads() >= 1, here.toString());
    assertTrue(here.threads() <= Runtime.getRuntime().availableProcessors(), here.toString());
  }
}
