package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
  @Test
  void aChainNeedsTwoBuffers() {
    List<Workspace.Value> chain = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      Workspace.Value v = new Workspace.Value(1024);
      v.madeAt(i);
      v.readAt(i + 1);
      chain.add(v);
    }
    assertEquals(2048, Workspace.place(chain));
  }

  @Test
  void valuesAliveTogetherNeverOverlap() {
    Random random = new Random(3);
    for (int round = 0; round < 200; round++) {
      List<Workspace.Value> values = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        Workspace.Value v = new Workspace.Value(1 + random.nextInt(1000));
        v.madeAt(i);
        v.readAt(i + random.nextInt(10));
        values.add(v);
      }
      long total = Workspace.place(values);
      for (Workspace.Value a : values) {
        assertTrue(a.offsetBytes % 64 == 0 && a.offsetBytes + a.bytes <= total);
        for (Workspace.Value b : values) {
          boolean apart =
              a.offsetBytes + a.bytes <= b.offsetBytes || b.offsetBytes + b.bytes <= a.offsetBytes;
          assertTrue(a == b || apart || !a.meets(b), "overlap in round " + round);
        }
      }
    }
  }
}
