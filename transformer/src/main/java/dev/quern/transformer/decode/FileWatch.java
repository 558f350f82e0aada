package dev.quern.transformer.decode;

/** Asks whether a model's files are still whole, now and then. */
final class FileWatch {
  private static final long NANOS = 10_000_000;

  private final ModelFile file;
  private long checkedNanos = System.nanoTime() - NANOS;

  FileWatch(ModelFile file) {
    this.file = file;
  }

  /** Asks. */
  void check() {
    file.checkLength();
    checkedNanos = System.nanoTime();
  }

  /** Asks unless it has just asked: that costs a system call for each of the model's files. */
  void checkAgain() {
    if (System.nanoTime() - checkedNanos >= NANOS) {
      check();
    }
  }
}
