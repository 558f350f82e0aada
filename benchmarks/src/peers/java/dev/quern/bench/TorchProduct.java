package dev.quern.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** PyTorch's CPU library: linear into a result that is there; in BF16 the result is BF16. */
final class TorchProduct implements Product {
  private final Tensor x;
  private final Tensor w;
  private final Tensor y;

  TorchProduct(Operands o) {
    torch.set_num_threads(Integer.getInteger("quern.threads", 1));
    torch.ScalarType type = o.bf16() ? torch.ScalarType.BFloat16 : torch.ScalarType.Float;
    x = Tensor.create(o.x(), o.m(), o.k()).to(type);
    w = Tensor.create(o.w(), o.n(), o.k()).to(type).t();
    y = torch.matmul(x, w);
  }

  @Override
  public void run() {
    torch.matmul_out(y, x, w);
  }

  @Override
  public float get(int row, int column) {
    return y.select(0, row).select(0, column).to(torch.ScalarType.Float).item_float();
  }
}
