package dev.quern.kernels.cuda;

import dev.quern.kernels.cuda.driver.FakeDriver;

/** Over a driver that counts streams, events, graphs, modules and pinned memory. */
class EnduranceTest extends Endurance {
  private final FakeDriver driver;

  EnduranceTest() {
    FakeDriver made = new FakeDriver();
    super(FakeKernels.provider(made));
    this.driver = made;
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
