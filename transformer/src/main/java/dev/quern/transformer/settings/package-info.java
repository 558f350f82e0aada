/**
 * Settings by name: what a configuration file holds of optimisers, losses, schedules and
 * initialisers, checked once, with errors that name what there is.
 *
 * {@snippet :
 * NamedSettings s = NamedSettings.check("sgd", settings, List.of("momentum"), error);
 * double momentum = s.get("momentum", 0, 0, 1);
 * }
 *
 * <p>Internal: the module does not export it. Allowed imports: java.base, JSpecify.
 */
@NullMarked
package dev.quern.transformer.settings;

import org.jspecify.annotations.NullMarked;
