package dev.quern.transformer.model;

import java.util.ArrayList;
import java.util.List;

/**
 * Whether a newer version of a model can take an older one's place, and why not.
 *
 * <p>It can if the newer signature accepts all that the older did, and gives all that it gave:
 * inputs may gain optional ones and become wider, outputs may be added, a parameter's range may
 * widen.
 *
 * @param compatible whether callers of the older one need no change
 * @param problems what the newer one no longer accepts or gives; empty if compatible
 * @param notes differences that do no harm
 */
public record Compatibility(boolean compatible, List<String> problems, List<String> notes) {

  /** Copies the lists. */
  public Compatibility {
    problems = List.copyOf(problems);
    notes = List.copyOf(notes);
  }

  /**
   * Compares two signatures.
   *
   * @param older what callers were written for
   * @param newer what shall take its place
   * @return the decision and its reasons
   */
  public static Compatibility of(Signature older, Signature newer) {
    List<String> problems = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    inputs(older, newer, problems, notes);
    outputs(older, newer, problems, notes);
    parameters(older, newer, problems, notes);
    return new Compatibility(problems.isEmpty(), problems, notes);
  }

  private static void inputs(
      Signature older, Signature newer, List<String> problems, List<String> notes) {
    for (Port was : older.inputs()) {
      Port is = newer.input(was.name());
      if (is == null) {
        problems.add("input '" + was.name() + "' is gone");
        continue;
      }
      if (was.optional() && !is.optional()) {
        problems.add("input '" + was.name() + "' was optional and is needed now");
      }
      for (String type : was.types()) {
        if (!is.types().contains(type)) {
          problems.add("input '" + was.name() + "' no longer takes " + type);
        }
      }
      axes("input", was, is, true, problems);
    }
    for (Port is : newer.inputs()) {
      if (older.input(is.name()) == null) {
        if (is.optional()) {
          notes.add("optional input '" + is.name() + "' was added");
        } else {
          problems.add("input '" + is.name() + "' was added and is not optional");
        }
      }
    }
  }

  private static void outputs(
      Signature older, Signature newer, List<String> problems, List<String> notes) {
    for (Port was : older.outputs()) {
      Port is = newer.output(was.name());
      if (is == null) {
        problems.add("output '" + was.name() + "' is gone");
        continue;
      }
      if (!was.optional() && is.optional()) {
        problems.add("output '" + was.name() + "' was always there and may be missing now");
      }
      for (String type : is.types()) {
        if (!was.types().contains(type)) {
          problems.add("output '" + was.name() + "' may be " + type + " now");
        }
      }
      axes("output", was, is, false, problems);
    }
    for (Port is : newer.outputs()) {
      if (older.output(is.name()) == null) {
        notes.add("output '" + is.name() + "' was added");
      }
    }
  }

  /** Inputs may widen, outputs may narrow. */
  private static void axes(String kind, Port was, Port is, boolean widen, List<String> problems) {
    String what = kind + " '" + was.name() + "' ";
    if (was.axes().size() != is.axes().size()) {
      problems.add(what + "was " + was.form() + " and is " + is.form());
      return;
    }
    for (int i = 0; i < was.axes().size(); i++) {
      Axis a = was.axes().get(i);
      Axis b = is.axes().get(i);
      Axis outer = widen ? b : a;
      Axis inner = widen ? a : b;
      if (!a.name().equals(b.name())) {
        problems.add(what + "has axis '" + b.name() + "' where '" + a.name() + "' was");
      } else if (inner.min() < outer.min() || inner.max() > outer.max()) {
        problems.add(what + "had axis " + a + " and has " + b);
      }
    }
  }

  private static void parameters(
      Signature older, Signature newer, List<String> problems, List<String> notes) {
    for (Parameter was : older.parameters()) {
      Parameter is = newer.parameter(was.name());
      if (is == null) {
        problems.add("parameter '" + was.name() + "' is gone");
        continue;
      }
      String what = "parameter '" + was.name() + "' ";
      boolean wider = was.type() == Parameter.Type.INTEGER && is.type() == Parameter.Type.NUMBER;
      if (was.type() != is.type() && !wider) {
        problems.add(what + "was " + was.type() + " and is " + is.type());
      }
      if (is.min() > was.min() || is.max() < was.max()) {
        problems.add(what + "had the range " + range(was) + " and has " + range(is));
      }
      if (!is.choices().isEmpty()
          && (was.choices().isEmpty() || !is.choices().containsAll(was.choices()))) {
        problems.add(what + "no longer takes all of " + was.choices());
      }
      if (!was.defaultValue().equals(is.defaultValue())) {
        notes.add(what + "had the default " + was.defaultValue() + " and has " + is.defaultValue());
      }
    }
    for (Parameter is : newer.parameters()) {
      if (older.parameter(is.name()) == null) {
        notes.add("parameter '" + is.name() + "' was added");
      }
    }
  }

  private static String range(Parameter p) {
    return Values.number(p.min()) + ".." + Values.number(p.max());
  }

  /**
   * The decision in words.
   *
   * @return {@code compatible}, or the problems one after another
   */
  public String explain() {
    String all = String.join("; ", compatible ? notes : problems);
    return compatible ? "compatible" + (all.isEmpty() ? "" : ": " + all) : "incompatible: " + all;
  }
}
