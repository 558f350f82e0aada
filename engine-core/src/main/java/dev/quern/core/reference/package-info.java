/** The scalar reference kernels. */
@NullMarked
package dev.quern.core.reference;

import org.jspecify.annotations.NullMarked;
