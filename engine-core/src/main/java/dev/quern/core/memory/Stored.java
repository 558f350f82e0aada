package dev.quern.core.memory;

/** Something that has a storage: what a scope can promote. */
public interface Stored {
  /**
   * Its memory.
   *
   * @return the storage
   */
  Storage storage();
}
