/** Layers that are usable on their own. */
@org.jspecify.annotations.NullMarked
package dev.quern.transformer.layers;
