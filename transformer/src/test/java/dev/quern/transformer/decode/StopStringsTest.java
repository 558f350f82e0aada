package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopStringsTest {
  @Test
  void heldTextIsReleasedWhenItTurnsOutHarmless() {
    StopStrings s = new StopStrings(List.of("</end>", "STOP"));
    assertEquals("a ", s.push("a </"));
    assertEquals("", s.push("en"));
    assertEquals("</enx", s.push("x"));
    assertEquals("S", s.push("SST"));
    assertEquals("ST", s.flush());
    assertFalse(s.found());
  }

  @Test
  void aStopOverPiecesEndsTheText() {
    StopStrings s = new StopStrings(List.of("</end>", "STOP"));
    assertEquals("one ", s.push("one <"));
    assertEquals("", s.push("/en"));
    assertEquals("", s.push("d> two STOP"));
    assertTrue(s.found());
    assertEquals("", s.push("more"));
    assertEquals("", s.flush());
  }

  @Test
  void theFirstCompleteOneCounts() {
    StopStrings s = new StopStrings(List.of("later", "a"));
    assertEquals("l", s.push("later"));
    assertTrue(s.found());
  }

  @Test
  void anyCutGivesTheTextBeforeTheStop() {
    Random random = new Random(5);
    List<String> stops = List.of("abab", "bb", "cab");
    for (int round = 0; round < 2000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 12; i++) {
        text.append((char) ('a' + random.nextInt(3)));
      }
      String expected = text.toString();
      for (int end = 1; end <= text.length() && expected.length() == text.length(); end++) {
        for (String stop : stops) {
          if (text.substring(0, end).endsWith(stop)) {
            expected = text.substring(0, Math.min(expected.length(), end - stop.length()));
          }
        }
      }
      StopStrings s = new StopStrings(stops);
      StringBuilder out = new StringBuilder();
      for (int at = 0; at < text.length(); ) {
        int n = Math.min(text.length() - at, 1 + random.nextInt(4));
        out.append(s.push(text.substring(at, at + n)));
        at += n;
        assertTrue(expected.startsWith(out.toString()), text.toString());
      }
      assertEquals(expected, out.append(s.flush()).toString(), text.toString());
      assertEquals(expected.length() < text.length(), s.found());
    }
  }

  @Test
  void anEmptyStopIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new StopStrings(List.of("a", "")));
  }
}
