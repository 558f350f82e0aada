package dev.quern.transformer.tokenizer;

/** The parts that a vocabulary's special tokens play. */
public enum SpecialRole {
  /** Begins a sequence. */
  BOS,
  /** Ends a sequence. */
  EOS,
  /** Ends a turn of a conversation. */
  EOT,
  /** Ends a message within a turn. */
  EOM,
  /** Stands for text that the vocabulary can't express. */
  UNK,
  /** Separates two sequences. */
  SEP,
  /** Fills a batch up. */
  PAD,
  /** Stands at the front of a sequence, for its classification. */
  CLS,
  /** Stands for a token to be predicted. */
  MASK
}
