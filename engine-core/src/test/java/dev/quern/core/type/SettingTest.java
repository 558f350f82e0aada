package dev.quern.core.type;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SettingTest {
  private static final String NAME = "quern.test.setting";

  @AfterEach
  void clear() {
    System.clearProperty(NAME);
  }

  @Test
  void whatIsNotSetIsTheDefault() {
    assertEquals(7, Setting.number(NAME, 7, 1, 9));
    assertFalse(Setting.flag(NAME));
    assertNull(Setting.text(NAME));
  }

  @Test
  void whatIsSetCounts() {
    System.setProperty(NAME, " 9 ");
    assertEquals(9, Setting.number(NAME, 7, 1, 9));
    assertEquals("9", Setting.text(NAME));
    System.setProperty(NAME, "true");
    assertTrue(Setting.flag(NAME));
    System.setProperty(NAME, " ");
    assertNull(Setting.text(NAME));
  }

  @ParameterizedTest
  @ValueSource(strings = {"zero", "1G", "", "0", "10", "1.5", "99999999999999999999"})
  void aNumberThatIsNoneIsRefused(String value) {
    System.setProperty(NAME, value);
    SettingException e = assertThrows(SettingException.class, () -> Setting.number(NAME, 7, 1, 9));
    assertEquals(
        "-D" + NAME + "=" + value + " is not allowed; it takes a whole number from 1 to 9",
        e.getMessage());
  }

  @Test
  void aFlagIsTrueOrFalse() {
    System.setProperty(NAME, "yes");
    SettingException e = assertThrows(SettingException.class, () -> Setting.flag(NAME));
    assertEquals("-D" + NAME + "=yes is not allowed; it takes true or false", e.getMessage());
  }
}
