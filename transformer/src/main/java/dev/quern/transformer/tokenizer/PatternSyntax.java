package dev.quern.transformer.tokenizer;

/** A pattern can't be used; whoever compiles it says which file it came from. */
final class PatternSyntax extends RuntimeException {
  private static final long serialVersionUID = 1;

  PatternSyntax(String message) {
    super(message);
  }
}
