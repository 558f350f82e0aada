package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.quern.core.spi.ReadAhead;
import dev.quern.core.spi.StreamingCall;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Each streaming call of a plan learns what the next one reads. */
class AnnounceTest {
  private static final class Streaming implements StreamingCall, ReadAhead {
    private final boolean worthFetching;
    private @Nullable ReadAhead next;

    Streaming(boolean worthFetching) {
      this.worthFetching = worthFetching;
    }

    @Override
    public @Nullable ReadAhead first() {
      return worthFetching ? this : null;
    }

    @Override
    public void then(ReadAhead following) {
      next = following;
    }

    @Override
    public void run() {}

    @Override
    public void begin() {}

    @Override
    public boolean fetch() {
      return false;
    }
  }

  @Test
  void theNextOneAndAfterTheLastTheFirst() {
    Streaming a = new Streaming(true);
    Streaming b = new Streaming(true);
    Streaming c = new Streaming(true);
    Streaming small = new Streaming(false);
    Runnable other = () -> {};
    PlanBinder.announce(List.of(other, a, other, small, b, c, other));
    assertSame(b, a.next);
    assertSame(c, b.next);
    assertSame(a, c.next, "the next replay begins with it");
    assertEquals(null, small.next);
  }

  @Test
  void noneOrOne() {
    Streaming a = new Streaming(true);
    PlanBinder.announce(List.of());
    PlanBinder.announce(List.of(() -> {}));
    PlanBinder.announce(List.of(a));
    assertSame(a, a.next);
  }
}
