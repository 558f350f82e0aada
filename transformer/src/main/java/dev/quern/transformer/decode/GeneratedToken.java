package dev.quern.transformer.decode;

import org.jspecify.annotations.Nullable;

/**
 * One step of a generation.
 *
 * @param id the chosen token
 * @param text the text that became certain with it; empty in the middle of a character or of what
 *     may be a stop string
 * @param logProbabilities of the model at this step, or null if they were not asked for
 */
public record GeneratedToken(int id, String text, @Nullable LogProbabilities logProbabilities) {}
