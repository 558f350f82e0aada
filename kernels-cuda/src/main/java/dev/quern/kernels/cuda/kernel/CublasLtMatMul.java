package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.CublasLt;
import dev.quern.kernels.cuda.driver.CublasLtProduct;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.kernel.Product.Factor;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Products of BF16 and F16 by cuBLASLt, where it is installed. It is loaded when the first product
 * comes that it could compute; without it there are no candidates, nor where it refuses a product.
 * All engines of a device share it.
 */
final class CublasLtMatMul {
  private static final System.Logger LOG = System.getLogger(CublasLtMatMul.class.getName());
  private static final int MOST_PRODUCTS = 1024;
  private static final int ALIGNMENT = 16;

  private final CudaDevice device;
  private final Workspace workspace;
  private final Supplier<Optional<CublasLt>> loader;
  private boolean asked;
  private @Nullable CublasLt library;

  /** By key; empty for what the library refuses to describe. */
  private final Map<CublasLtProduct.Key, Optional<CublasLtProduct>> products =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(
            Map.Entry<CublasLtProduct.Key, Optional<CublasLtProduct>> eldest) {
          return size() > MOST_PRODUCTS;
        }
      };

  CublasLtMatMul(CudaDevice device, Workspace workspace, Supplier<Optional<CublasLt>> loader) {
    this.device = device;
    this.workspace = workspace;
    this.loader = loader;
  }

  /** The product without its epilogue, by each algorithm; empty if there is none. */
  synchronized List<NamedRunnable> bind(Product p) {
    CublasLt lt = takes(p) ? library() : null;
    if (lt == null) {
      return List.of();
    }
    device.makeCurrent(); // the library looks at the device
    CublasLtProduct.Key key =
        new CublasLtProduct.Key(
            p.a().type() == ScalarType.BF16,
            p.type() == ScalarType.F32,
            p.m(),
            p.n(),
            p.k(),
            p.batches(),
            factor(p, p.a(), p.m(), 0),
            factor(p, p.w(), p.n(), 1),
            p.bias() != 0);
    long memory = workspace.address();
    CublasLtProduct product = products.computeIfAbsent(key, k -> described(lt, k)).orElse(null);
    if (product == null) {
      return List.of();
    }
    List<NamedRunnable> calls = new ArrayList<>();
    for (int i = 0; i < product.algorithms(); i++) {
      int algorithm = i;
      calls.add(
          new NamedRunnable("cublasLt #" + (i + 1), () -> run(product, algorithm, p, memory)));
    }
    return calls;
  }

  /** Empty where the library says that it has no algorithm, in whichever way. */
  private static Optional<CublasLtProduct> described(CublasLt library, CublasLtProduct.Key key) {
    try {
      return Optional.of(new CublasLtProduct(library, key, Workspace.BYTES));
    } catch (CudaDriverException e) {
      LOG.log(Level.DEBUG, "cuBLASLt refuses " + key, e);
      return Optional.empty();
    }
  }

  private void run(CublasLtProduct product, int algorithm, Product p, long memory) {
    device.makeCurrent();
    product.run(
        algorithm,
        p.a().address(),
        p.w().address(),
        p.bias(),
        p.c(),
        memory,
        Workspace.BYTES,
        device.driver().rawStream(device.stream()));
  }

  private static boolean takes(Product p) {
    DType t = p.a().type();
    return (t == ScalarType.BF16 || t == ScalarType.F16)
        && t == p.w().type()
        && (t == p.type() || p.type() == ScalarType.F32)
        && p.k() > 0
        && p.batch().rank() == 1
        && p.batches() < Integer.MAX_VALUE
        && (p.bias() == 0 || p.biasStep() == 1)
        && p.c() % ALIGNMENT == 0
        && p.bias() % ALIGNMENT == 0
        && p.n() * p.type().blockBytes() % ALIGNMENT == 0
        && isReadable(p, p.a(), p.m(), 0)
        && isReadable(p, p.w(), p.n(), 1);
  }

  /** Whether the library can read an operand, whose rows are aligned. */
  private static boolean isReadable(Product p, Factor f, long rows, int operand) {
    boolean kMajor = f.step() == 1;
    long inner = kMajor ? p.k() : rows;
    long between = between(p, f, rows);
    return (kMajor || f.row() == 1)
        && f.address() % ALIGNMENT == 0
        && between >= inner
        && between * Short.BYTES % ALIGNMENT == 0
        && p.batch().strides()[operand][0] >= 0
        && p.batch().strides()[operand][0] * Short.BYTES % ALIGNMENT == 0;
  }

  /** From one row, or one k, to the next; what is there once has no next. */
  private static long between(Product p, Factor f, long rows) {
    boolean kMajor = f.step() == 1;
    boolean single = (kMajor ? rows : p.k()) == 1;
    return single ? (kMajor ? p.k() : rows) : kMajor ? f.row() : f.step();
  }

  private static CublasLtProduct.Factor factor(Product p, Factor f, long rows, int operand) {
    return new CublasLtProduct.Factor(
        f.step() == 1, between(p, f, rows), p.batch().strides()[operand][0]);
  }

  /** The library. One that doesn't suit the driver is as good as none. */
  private @Nullable CublasLt library() {
    if (!asked) {
      asked = true;
      device.makeCurrent();
      try {
        library = loader.get().orElse(null);
        if (library != null) {
          device.context().endsWith(library::close);
        }
      } catch (CudaDriverException | NoSuchElementException e) {
        LOG.log(Level.DEBUG, "cuBLASLt can't be used", e);
      }
    }
    return library;
  }
}
