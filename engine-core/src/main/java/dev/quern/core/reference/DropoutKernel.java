package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DropoutOp.Dropout;
import dev.quern.core.op.Philox;
import dev.quern.core.spi.KernelArgs;

/** {@link Dropout}: each element from its own place in the generator's sequence. */
final class DropoutKernel {
  private DropoutKernel() {}

  static Runnable bind(KernelArgs args) {
    float p = ((Dropout) args.op()).p();
    double scale = 1 / (1 - (double) p);
    TensorView x = args.input(0);
    TensorView seed = args.input(1);
    TensorView y = args.output();
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    Elements numbers = Elements.of(seed);
    return () -> {
      long key = numbers.getLong(seed.layout().offset());
      long offset = numbers.getLong(seed.layout().offset() + seed.layout().stride(0));
      Slices.over(
          args.pool(),
          y.shape().elements(),
          Slices.ELEMENTS,
          (from, to) -> {
            Strided w = Strided.over(x.shape(), x.layout()).seek(from);
            for (long i = from; i < to; i++, w.next()) {
              int word = Philox.word(key, offset + i / 4, (int) (i % 4));
              boolean kept = (word >>> 8) * 0x1p-24 >= p;
              out.set(y.layout().offset() + i, kept ? in.get(w.at(0)) * scale : 0);
            }
          });
    };
  }
}
