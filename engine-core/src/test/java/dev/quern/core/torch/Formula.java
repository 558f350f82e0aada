package dev.quern.core.torch;

import dev.quern.core.op.Tensor;
import java.util.HashMap;
import java.util.Map;

/** Statements such as {@code a = x*y; out = tanh(a) + 1}, over the case's inputs. */
final class Formula {
  private final Map<String, Tensor> names = new HashMap<>();
  private final TorchCase c;
  private String text = "";
  private int at;

  private Formula(TorchCase c) {
    this.c = c;
    c.names("inputs").forEach(n -> names.put(n, c.in(n)));
  }

  static Tensor of(TorchCase c) {
    Formula f = new Formula(c);
    Tensor last = null;
    for (String statement : c.text("expression", "").split(";")) {
      String[] sides = statement.split("=", 2);
      f.text = sides[1].replace(" ", "");
      f.at = 0;
      last = f.sum();
      if (f.at < f.text.length()) {
        throw new TorchCase.Uncovered("formula " + statement);
      }
      f.names.put(sides[0].trim(), last);
    }
    return last;
  }

  private boolean take(String token) {
    boolean there = text.startsWith(token, at);
    at += there ? token.length() : 0;
    return there;
  }

  private Tensor sum() {
    Tensor t = product();
    while (true) {
      if (take("+")) {
        t = t.add(product());
      } else if (take("-")) {
        t = t.sub(product());
      } else {
        return t;
      }
    }
  }

  private Tensor product() {
    Tensor t = factor();
    while (true) {
      if (take("*")) {
        t = t.mul(factor());
      } else if (take("/")) {
        t = t.div(factor());
      } else if (take("@")) {
        t = TorchNetworks.matmul(t, factor());
      } else {
        return t;
      }
    }
  }

  private Tensor factor() {
    if (take("-")) {
      return factor().neg();
    }
    Tensor t = atom();
    return take("**") || take("^") ? t.pow(factor()) : t;
  }

  private Tensor atom() {
    if (take("(")) {
      Tensor t = sum();
      take(")");
      return t;
    }
    int from = at;
    while (at < text.length()
        && (Character.isLetterOrDigit(text.charAt(at)) || "._".indexOf(text.charAt(at)) >= 0)) {
      at++;
    }
    String word = text.substring(from, at);
    if (take("(")) {
      Tensor t = sum();
      Tensor second = take(",") ? sum() : null;
      take(")");
      return second == null ? function(word, t) : function(word, t, second);
    }
    if (names.containsKey(word)) {
      return names.get(word);
    }
    try {
      return names.values().iterator().next().scalarLike(Double.parseDouble(word));
    } catch (NumberFormatException e) {
      throw new TorchCase.Uncovered("formula: " + word + " of " + c.op());
    }
  }

  private static Tensor function(String name, Tensor a, Tensor b) {
    return switch (name) {
      case "matmul" -> TorchNetworks.matmul(a, b);
      case "maximum" -> a.maximum(b);
      case "minimum" -> a.minimum(b);
      case "pow" -> a.pow(b);
      default -> throw new TorchCase.Uncovered("formula: " + name + "(,)");
    };
  }

  private static Tensor function(String name, Tensor t) {
    return switch (name) {
      case "tanh" -> t.tanh();
      case "exp" -> t.exp();
      case "log" -> t.log();
      case "sin" -> t.sin();
      case "cos" -> t.cos();
      case "sqrt" -> t.sqrt();
      case "abs" -> t.abs();
      case "square" -> t.mul(t);
      case "sigmoid" -> t.sigmoid();
      case "relu" -> t.relu();
      case "sum" -> t.sum();
      case "mean" -> t.mean();
      case "detach" -> t.detach();
      default -> throw new TorchCase.Uncovered("formula: " + name + "()");
    };
  }
}
