package dev.quern.transformer.decode;

/** What a session asks of the files that its model is mapped from. */
@FunctionalInterface
public interface ModelFile {
  /**
   * Throws if a file is no longer whole, see {@link Session#open(dev.quern.core.engine.Engine,
   * dev.quern.transformer.families.Decoder, SessionOptions, ModelFile)}.
   */
  void checkLength();

  /**
   * Told when a session has decoded some tokens one by one: every weight was read as often, and
   * will be again.
   */
  default void isReadOften() {}

  /**
   * Whether nothing about it goes on in the background.
   *
   * @return false while {@link #isReadOften} still has work to do
   */
  default boolean isSettled() {
    return true;
  }
}
