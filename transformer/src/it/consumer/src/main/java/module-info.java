/** Somebody else's module. */
module consumer {
  requires dev.quern.core;
  requires dev.quern.transformer;
}
