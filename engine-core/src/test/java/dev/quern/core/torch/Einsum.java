package dev.quern.core.torch;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Einstein's summation, plainly: everything broadcast, multiplied and summed. */
final class Einsum {
  private Einsum() {}

  static Tensor of(String equation, List<Tensor> operands) {
    String[] sides = equation.replace(" ", "").split("->", -1);
    String[] terms = sides[0].split(",", -1);
    List<String> labels = new ArrayList<>();
    int dots = 0;
    for (int i = 0; i < terms.length; i++) {
      int letters = terms[i].replace("...", "").length();
      dots = Math.max(dots, operands.get(i).shape().rank() - letters);
    }
    for (int i = 0; i < terms.length; i++) {
      int own = operands.get(i).shape().rank() - terms[i].replace("...", "").length();
      labels.add(terms[i].replace("...", ellipsis(dots).substring(dots - own)));
    }
    String output =
        sides.length > 1 ? sides[1].replace("...", ellipsis(dots)) : implicit(labels, dots);
    String all = all(labels, output);
    Tensor product = null;
    for (int i = 0; i < terms.length; i++) {
      Tensor t = aligned(operands.get(i), labels.get(i), all);
      product = product == null ? t : product.mul(t);
    }
    int[] summed = new int[all.length() - output.length()];
    for (int i = 0; i < summed.length; i++) {
      summed[i] = output.length() + i;
    }
    return summed.length == 0 ? product : product.sum(false, summed);
  }

  /** The axes that "..." stands for, as labels of their own. */
  private static String ellipsis(int n) {
    return "0123456789".substring(0, n);
  }

  private static String implicit(List<String> labels, int dots) {
    TreeMap<Character, Integer> counts = new TreeMap<>();
    labels.forEach(l -> l.chars().forEach(ch -> counts.merge((char) ch, 1, Integer::sum)));
    StringBuilder s = new StringBuilder(ellipsis(dots));
    counts.forEach(
        (ch, n) -> {
          if (n == 1 && Character.isLetter(ch)) {
            s.append(ch);
          }
        });
    return s.toString();
  }

  /** The output's labels, then those that are summed. */
  private static String all(List<String> labels, String output) {
    StringBuilder s = new StringBuilder(output);
    for (String l : labels) {
      l.chars()
          .filter(ch -> s.indexOf(String.valueOf((char) ch)) < 0)
          .forEach(ch -> s.append((char) ch));
    }
    return s.toString();
  }

  /** An operand with an axis per label, of extent 1 where it has none. */
  private static Tensor aligned(Tensor operand, String labels, String all) {
    Tensor t = operand;
    StringBuilder own = new StringBuilder(labels);
    for (int i = 0; i < own.length(); i++) {
      int twin;
      while ((twin = own.indexOf(own.substring(i, i + 1), i + 1)) >= 0) {
        t = diagonal(t, i, twin);
        own.deleteCharAt(twin);
      }
    }
    int[] order = new int[own.length()];
    Shape shape = Shape.of();
    int n = 0;
    for (int i = 0; i < all.length(); i++) {
      int at = own.indexOf(all.substring(i, i + 1));
      shape = shape.concat(Shape.of(at < 0 ? 1 : t.shape().dim(at)));
      if (at >= 0) {
        order[n++] = at;
      }
    }
    return t.permute(order).reshape(shape);
  }

  /** Axis b taken at the index of axis a. */
  private static Tensor diagonal(Tensor t, int a, int b) {
    long n = t.shape().dim(a);
    Shape lines = t.shape().with(b, 1);
    Shape index = Shape.of();
    for (int i = 0; i < lines.rank(); i++) {
      index = index.concat(Shape.of(i == a ? n : 1));
    }
    Tensor at = t.arange(ScalarType.I64, n).reshape(index).expand(lines);
    return t.gather(b, at).squeeze(b);
  }
}
