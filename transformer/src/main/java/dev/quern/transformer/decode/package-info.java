/**
 * From a decoder's logits to text: KV caches, sessions that prefill and replay recorded steps,
 * sampling, stopping and streaming.
 *
 * <p>A {@link dev.quern.transformer.decode.Session} belongs to one thread and owns its cache and
 * its plan; the model it runs is shared.
 *
 * <p>Allowed imports: {@code families}, {@code layers}, {@code tokenizer}, {@code dev.quern.core},
 * JSpecify.
 *
 * {@snippet :
 * try (Session session = Session.open(engine, model, SessionOptions.of(1, 2048))) {
 *   Generation generation = new Generation(session, tokenizer, promptIds, options);
 *   while (generation.hasNext()) {
 *     System.out.print(generation.next().text());
 *   }
 * }
 * }
 */
@org.jspecify.annotations.NullMarked
package dev.quern.transformer.decode;
