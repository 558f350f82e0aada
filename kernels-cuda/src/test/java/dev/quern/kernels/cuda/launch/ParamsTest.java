package dev.quern.kernels.cuda.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class ParamsTest {
  @Test
  void fieldsLieAsInC() {
    MemorySegment p =
        new Params()
            .int32(7)
            .int64(-1)
            .float32(0.5f)
            .bytes(new byte[] {1, 2, 3}, 1)
            .float64(2.5)
            .int64s(10, 11)
            .address(0x7f00_0000_0100L)
            .int32(9)
            .build();
    assertEquals(7, p.get(ValueLayout.JAVA_INT, 0));
    assertEquals(-1, p.get(ValueLayout.JAVA_LONG, 8));
    assertEquals(0.5f, p.get(ValueLayout.JAVA_FLOAT, 16));
    assertEquals(3, p.get(ValueLayout.JAVA_BYTE, 22));
    assertEquals(2.5, p.get(ValueLayout.JAVA_DOUBLE, 24));
    assertEquals(11, p.get(ValueLayout.JAVA_LONG, 40));
    assertEquals(0x7f00_0000_0100L, p.get(ValueLayout.JAVA_LONG, 48));
    assertEquals(9, p.get(ValueLayout.JAVA_INT, 56));
    assertEquals(64, p.byteSize());
  }

  @Test
  void theStructIsAMultipleOfItsLargestAlignment() {
    assertEquals(4, new Params().int32(1).build().byteSize());
    assertEquals(16, new Params().int64(1).int32(1).build().byteSize());
    MemorySegment map = new Params().int32(1).bytes(new byte[128], 128).int32(2).build();
    assertEquals(384, map.byteSize());
    assertEquals(0, map.address() % 128);
    assertEquals(2, map.get(ValueLayout.JAVA_INT, 256));
  }

  @Test
  void whatAKernelCantTakeIsRefused() {
    assertEquals(4096, new Params().bytes(new byte[4096], 1).build().byteSize());
    Params tooLarge = new Params().bytes(new byte[4097], 1);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, tooLarge::build);
    assertTrue(e.getMessage().contains("at most 4096 bytes, not 4097"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> new Params().bytes(new byte[1], 3));
    assertThrows(IllegalArgumentException.class, () -> new Params().bytes(new byte[1], 256));
  }
}
