/**
 * The standard model interface: what a model is ({@link dev.quern.transformer.model.ModelCard}),
 * what goes in and comes out ({@link dev.quern.transformer.model.Signature}), and typed views for
 * tasks with one JSON form each. The Java API, the command line and servers are read from it.
 *
 * <p>Allowed imports: {@code decode}, {@code families}, {@code layers}, {@code tokenizer}, {@code
 * dev.quern.core}, Jackson, JSpecify.
 *
 * {@snippet :
 * try (Model model = Models.open(Path.of("model.gguf"))) {
 *   TextGenerator generator = TextGenerator.of(model);
 *   System.out.println(generator.generate(TextGenerator.Request.of("Once upon a time")).text());
 * }
 * }
 */
@org.jspecify.annotations.NullMarked
package dev.quern.transformer.model;
