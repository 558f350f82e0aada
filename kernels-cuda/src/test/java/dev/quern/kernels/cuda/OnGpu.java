package dev.quern.kernels.cuda;

import dev.quern.core.spi.Probe;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Tests that run on the CUDA device of this machine, tagged {@code gpu}. Where there is none they
 * are skipped as a whole, with the reason; with {@code -Dquern.test.gpu=required} they fail.
 */
@SuppressWarnings("exports") // JUnit is the tests' alone
@Tag("gpu")
@ExtendWith(OnGpu.Condition.class)
@Inherited
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface OnGpu {
  /** Looks for a device once in a process. */
  final class Condition implements ExecutionCondition {
    static final String REQUIRED = "required";
    private static final String SETTING = "quern.test.gpu";

    /** For JUnit. */
    public Condition() {}

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return decide(new CudaProvider().probe(), System.getProperty(SETTING));
    }

    static ConditionEvaluationResult decide(Probe probe, @Nullable String setting) {
      return switch (probe) {
        case Probe.Usable(String version) -> ConditionEvaluationResult.enabled(version);
        case Probe.Refused(String reason, String remedy) -> {
          if (REQUIRED.equals(setting)) {
            throw new IllegalStateException("no CUDA device: " + reason + "; " + remedy);
          }
          yield ConditionEvaluationResult.disabled("no CUDA device: " + reason);
        }
      };
    }
  }
}
