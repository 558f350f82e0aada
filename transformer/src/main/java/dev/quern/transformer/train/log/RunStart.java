package dev.quern.transformer.train.log;

/**
 * What is known of a run before its first step.
 *
 * @param name of the run, for people
 * @param configuration all settings in force, as YAML
 * @param firstStep number of the first step to come: 1 in a new run, in a resumed one the step
 *     after its checkpoint's
 * @param steps number of the last step planned
 * @param parameters how many numbers are trained
 * @param model what is trained, in a few words, such as {@code gpt2, 4 layers, 128 wide}
 */
public record RunStart(
    String name, String configuration, long firstStep, long steps, long parameters, String model) {

  /**
   * Whether the run goes on from a checkpoint.
   *
   * @return false for a new run
   */
  public boolean resumed() {
    return firstStep > 1;
  }
}
