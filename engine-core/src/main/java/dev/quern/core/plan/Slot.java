package dev.quern.core.plan;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A place in a plan's parameter segment; what it holds is read at each replay. */
public final class Slot {
  private final String name;
  private final TensorSpec spec;
  private final MemorySegment memory;
  private final Lifetime lifetime;
  private volatile boolean escaped;

  Slot(String name, TensorSpec spec, MemorySegment memory, Lifetime lifetime) {
    this.name = name;
    this.spec = spec;
    this.memory = memory;
    this.lifetime = lifetime;
  }

  /**
   * Its name.
   *
   * @return as it was declared
   */
  public String name() {
    return name;
  }

  /**
   * Dtype and shape.
   *
   * @return the spec
   */
  public TensorSpec spec() {
    return spec;
  }

  /**
   * Its memory, to be written directly.
   *
   * @return exactly its bytes
   */
  public MemorySegment memory() {
    escaped = true; // before the check: then a plan that closes now sees it
    lifetime.check(spec);
    return memory;
  }

  /** Whether somebody outside may still write to it. */
  boolean hasEscaped() {
    return escaped;
  }

  /**
   * Sets one element of an integer slot.
   *
   * @param index 0 ≤ index &lt; elements, last axis fastest
   * @param value its new value
   */
  public void set(long index, long value) {
    lifetime.acquire(spec);
    try {
      if (spec.dtype() == ScalarType.I64) {
        memory.setAtIndex(ValueLayout.JAVA_LONG, index, value);
      } else if (spec.dtype() == ScalarType.I32) {
        memory.setAtIndex(ValueLayout.JAVA_INT, index, Math.toIntExact(value));
      } else {
        throw wrong("an integer");
      }
    } finally {
      lifetime.release();
    }
  }

  /**
   * Sets all elements of an I32 slot.
   *
   * @param values as many as it has
   */
  public void set(int... values) {
    if (spec.dtype() != ScalarType.I32) {
      throw wrong("I32 values");
    }
    count(values.length);
    lifetime.acquire(spec);
    try {
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_INT, 0, values.length);
    } finally {
      lifetime.release();
    }
  }

  /**
   * Sets all elements of an F32 slot.
   *
   * @param values as many as it has
   */
  public void set(float... values) {
    if (spec.dtype() != ScalarType.F32) {
      throw wrong("F32 values");
    }
    count(values.length);
    lifetime.acquire(spec);
    try {
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    } finally {
      lifetime.release();
    }
  }

  /**
   * Sets all elements of an F64 slot.
   *
   * @param values as many as it has
   */
  public void set(double... values) {
    if (spec.dtype() != ScalarType.F64) {
      throw wrong("F64 values");
    }
    count(values.length);
    lifetime.acquire(spec);
    try {
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
    } finally {
      lifetime.release();
    }
  }

  private void count(int n) {
    if (n != spec.shape().elements()) {
      throw new ShapeException(
          "slot '"
              + name
              + "' "
              + spec
              + " takes "
              + spec.shape().elements()
              + " values, got "
              + n);
    }
  }

  private DTypeException wrong(String what) {
    return new DTypeException("slot '" + name + "' " + spec + " does not take " + what);
  }
}
