/**
 * The command line: one class per command, each a thin skin over the library.
 *
 * <p>Results go to standard output alone; progress and timings go to standard error. Exit codes: 0
 * done; 2 the command line (or a system property) is wrong, whatever the model and the files hold;
 * 1 everything else, such as a prompt longer than the model's context or a damaged file.
 *
 * <p>Allowed imports: everything in this module, picocli.
 *
 * {@snippet :
 * int code = QuernCommand.run("tokenize", "-m", "model.gguf", "Once upon a time");
 * }
 */
@NullMarked
package dev.quern.transformer.cli;

import org.jspecify.annotations.NullMarked;
