package dev.quern.transformer.cli;

import picocli.CommandLine.Command;

/** {@code quern tokenizer}: what is done to tokenizers themselves. */
@Command(
    name = "tokenizer",
    description = "Makes tokenizers.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = TokenizerTrainCommand.class)
final class TokenizerCommand {}
