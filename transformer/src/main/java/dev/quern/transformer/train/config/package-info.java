/**
 * Configurations in YAML, every key of which is declared.
 *
 * <p>A {@link dev.quern.transformer.train.config.ConfigSchema} says which keys there are, with
 * type, default and description. A {@link dev.quern.transformer.train.config.Config} holds a value
 * for each, from a file and from {@code key=value} overrides; a key that isn't declared is refused
 * with the nearest that is, a value of another type with file, line, key, what was found and what
 * was wanted. The whole configuration in force can be written back as YAML that explains itself.
 *
 * {@snippet :
 * ConfigSchema schema =
 *     ConfigSchema.builder()
 *         .section("optimizer", "How the weights move.")
 *         .key("optimizer.name", ConfigType.text().oneOf("adamw", "sgd"), "adamw", "The rule.")
 *         .key("optimizer.rate", ConfigType.number().above(0), 1e-3, "The highest learning rate.")
 *         .section("data", "What is learnt from.")
 *         .required("data.train", ConfigType.text(), "A UTF-8 text file.")
 *         .build();
 * Config config = Config.read(Path.of("run.yaml"), schema, List.of("optimizer.rate=3e-4"));
 * double rate = config.number("optimizer.rate");
 * }
 *
 * <p>Files are YAML 1.2 with the core schema's scalars ({@code yes} is a text), of at most 1 MiB
 * and 16 levels. Anchors, aliases, tags, merge keys, duplicate keys and further documents are
 * refused: a configuration needs none of them, and most surprises of YAML come from them.
 *
 * <p>Allowed imports: java.base, JSpecify, snakeyaml-engine (in one class), and of the core {@code
 * dev.quern.core.type} (its errors). The package stands alone: it knows of no key.
 */
@NullMarked
package dev.quern.transformer.train.config;

import org.jspecify.annotations.NullMarked;
