package dev.quern.transformer.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Conversions of parameter values; null where a value has the wrong type. */
final class Values {
  private static final int SHOWN = 60;

  private Values() {}

  static @Nullable Long exactLong(Number n) {
    if (n instanceof Long || n instanceof Integer || n instanceof Short || n instanceof Byte) {
      return n.longValue();
    }
    double d = n.doubleValue();
    // Beyond 2^53 a double does not say which whole number was meant.
    return d == Math.rint(d) && Math.abs(d) <= 0x1p53 ? (Long) (long) d : null;
  }

  static @Nullable List<String> texts(List<?> list) {
    List<String> texts = new ArrayList<>();
    for (Object o : list) {
      if (!(o instanceof String s)) {
        return null;
      }
      texts.add(s);
    }
    return List.copyOf(texts);
  }

  static @Nullable Map<Integer, Double> weights(Map<?, ?> map) {
    Map<Integer, Double> weights = new LinkedHashMap<>();
    for (Map.Entry<?, ?> e : map.entrySet()) {
      try {
        if (!(e.getValue() instanceof Number n) || Double.isNaN(n.doubleValue())) {
          return null;
        }
        weights.put(Integer.parseInt(String.valueOf(e.getKey())), n.doubleValue());
      } catch (NumberFormatException notAToken) {
        return null;
      }
    }
    return Map.copyOf(weights);
  }

  static String brief(@Nullable Object value) {
    String s = value instanceof String text ? "'" + text + "'" : String.valueOf(value);
    return s.length() <= SHOWN ? s : s.substring(0, SHOWN) + "...";
  }

  static String number(double x) {
    return x == Math.rint(x) && Math.abs(x) < 1e15 ? Long.toString((long) x) : Double.toString(x);
  }
}
