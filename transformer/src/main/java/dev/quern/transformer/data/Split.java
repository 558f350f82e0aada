package dev.quern.transformer.data;

/**
 * Data in three parts, any of which may be empty.
 *
 * @param train what a model learns from
 * @param validation what is looked at while it learns
 * @param test what is looked at once, at the end
 * @param <T> a {@link Dataset} or a {@link TokenSequence}
 */
public record Split<T>(T train, T validation, T test) {}
