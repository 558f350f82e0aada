/** Element types and shapes. */
@org.jspecify.annotations.NullMarked
package dev.quern.core.type;
