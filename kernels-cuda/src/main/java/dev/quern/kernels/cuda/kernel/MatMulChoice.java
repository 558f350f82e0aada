package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.Setting;
import dev.quern.core.type.SettingException;
import java.util.Locale;

/** Whose kernels compute matrix products: {@code -Dquern.cuda.matmul}. */
enum MatMulChoice {
  /**
   * Quern's alone: of those that add up in one order, the fastest by measurement. The same bits in
   * every process on the same kind of device.
   */
  OWN,
  /** cuBLASLt's where it has one, the fastest of them by measurement; else Quern's. */
  CUBLASLT,
  /** Whichever is the fastest by measurement; with cuBLASLt, bits may depend on timings. */
  AUTO;

  private static final String PROPERTY = "quern.cuda.matmul";

  /**
   * What the property says.
   *
   * @throws SettingException if it says anything but own, cublaslt or auto
   */
  static MatMulChoice read() {
    String value = Setting.text(PROPERTY);
    if (value == null) {
      return AUTO;
    }
    for (MatMulChoice c : values()) {
      if (c.name().toLowerCase(Locale.ROOT).equals(value)) {
        return c;
      }
    }
    throw new SettingException(Setting.refusal(PROPERTY, value, "own, cublaslt or auto"));
  }
}
