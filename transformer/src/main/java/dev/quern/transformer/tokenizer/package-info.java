/**
 * Tokenizers: text to the ids of a model's vocabulary and back.
 *
 * <p>{@link dev.quern.transformer.tokenizer.Tokenizers} makes them from GGUF metadata and from
 * Hugging Face's {@code tokenizer.json}: SentencePiece BPE with byte fallback, byte-level BPE with
 * each family's pre-tokenizer patterns, and WordPiece.
 *
 * {@snippet :
 * Tokenizer tokenizer = Tokenizers.fromGguf(file);
 * int[] ids = tokenizer.encode("Once upon a time", EncodeOptions.ADD_SPECIAL);
 * String text = tokenizer.decode(ids); // Once upon a time
 * }
 *
 * <p>Allowed imports: java.base, Jackson, JSpecify, and of the core only {@code
 * dev.quern.core.type} (its errors) and, in {@code Tokenizers} alone, {@code
 * dev.quern.core.io.gguf}. The package stands alone, so that a tokenizer can be used without a
 * model.
 */
@NullMarked
package dev.quern.transformer.tokenizer;

import org.jspecify.annotations.NullMarked;
