package dev.quern.core.autograd;

import dev.quern.core.memory.Storage;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import java.util.IdentityHashMap;

/**
 * The writes to buffers while tapes are open. A buffer's version counts those that have happened;
 * in a recording, where nothing happens yet, they are counted here.
 */
final class Writes {
  /**
   * A tensor as it was when a call read it.
   *
   * @param tensor the tensor
   * @param version its buffer's version, 0 if it is none
   * @param count how often it had been written to
   */
  record Saved(Tensor tensor, int version, int count) {}

  private record Last(Op op, int count) {}

  private final IdentityHashMap<Storage, Last> writes = new IdentityHashMap<>();

  /** Whether a tensor's values can change. */
  static boolean isMutable(Tensor t) {
    return t.hasValues() && t.storage().isMutable();
  }

  /** Notes a call that writes. */
  void note(Op op, Tensor target) {
    if (target.hasValues()) {
      writes.put(target.storage(), new Last(op, count(target) + 1));
    }
  }

  private int count(Tensor t) {
    Last last = t.hasValues() ? writes.get(t.storage()) : null;
    return last == null ? 0 : last.count();
  }

  private static int version(Tensor t) {
    return isMutable(t) ? t.storage().version() : 0;
  }

  /** A tensor as it is now. */
  Saved save(Tensor t) {
    return new Saved(t, version(t), count(t));
  }

  /** Whether it has been written to since. */
  boolean haveChanged(Saved s) {
    return version(s.tensor()) != s.version() || count(s.tensor()) != s.count();
  }

  /** The name of the operation that wrote to it last. */
  String lastTo(Saved s) {
    Last last = writes.get(s.tensor().storage());
    return last == null ? "a plan" : last.op().name();
  }
}
