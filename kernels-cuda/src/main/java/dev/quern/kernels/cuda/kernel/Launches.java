package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/** Launches, alone and in a row. */
final class Launches {
  /** The floating point types. */
  static final Set<DType> FLOATS =
      Set.of(ScalarType.F64, ScalarType.F32, ScalarType.F16, ScalarType.BF16);

  /** Launches nothing. */
  static final Runnable NOTHING = () -> {};

  private static final String PREFIX = "quern_";
  private static final int MAP_THREADS = 256;

  private Launches() {}

  /** A kernel of a module over a grid. */
  static Runnable of(CudaDevice device, String module, String kernel, Grid grid, Params params) {
    return device.call(module, PREFIX + kernel, grid, params.build());
  }

  /** One launch for each walk, whose params begin with the walk. */
  static Runnable over(
      CudaDevice device, String module, String kernel, List<Walk> walks, Consumer<Params> rest) {
    List<Runnable> calls = new ArrayList<>();
    for (Walk w : walks) {
      Params p = w.write(new Params());
      rest.accept(p);
      calls.add(of(device, module, kernel, Grid.over(w.groups(), MAP_THREADS), p));
    }
    return inOrder(calls);
  }

  /** One after another. */
  static Runnable inOrder(List<Runnable> calls) {
    if (calls.isEmpty()) {
      return NOTHING;
    }
    if (calls.size() == 1) {
      return calls.getFirst();
    }
    Runnable[] all = calls.toArray(Runnable[]::new);
    return () -> {
      for (Runnable call : all) {
        call.run();
      }
    };
  }

  /** Where a view's first element is. */
  static long start(TensorView x) {
    return x.segment().address() + x.offsetBytes();
  }

  /** How a type is called in the names of kernels. */
  static String name(DType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
