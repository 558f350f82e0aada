package dev.quern.kernels.cuda;

import dev.quern.kernels.cuda.driver.FakeDriver;

/** Over a driver that counts streams, events, graphs, modules and pinned memory. */
class EnduranceTest extends Endurance {
  private final FakeDriver driver;

  EnduranceTest() {
    this(new FakeDriver());
  }

  private EnduranceTest(FakeDriver driver) {
    super(FakeKernels.provider(driver));
    this.driver = driver;
  }

  @Override
  long used() {
    return driver.live.size();
  }

  @Override
  long slack() {
    return 0;
  }
}
