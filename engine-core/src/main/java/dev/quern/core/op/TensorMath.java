package dev.quern.core.op;

/**
 * Elementwise operations: {@link UnaryOp}, {@link BinaryOp}, {@link CompareOp}. Operands of
 * two-input operations have one dtype and broadcast; a {@code double} operand takes the tensor's
 * dtype.
 */
public sealed interface TensorMath permits Tensor {
  /**
   * −x, elementwise.
   *
   * @return numbers, same shape and dtype
   */
  default Tensor neg() {
    return apply(new UnaryOp.Neg());
  }

  /**
   * |x|, elementwise.
   *
   * @return numbers, same shape and dtype
   */
  default Tensor abs() {
    return apply(new UnaryOp.Abs());
  }

  /**
   * eˣ, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor exp() {
    return apply(new UnaryOp.Exp());
  }

  /**
   * Natural logarithm, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor log() {
    return apply(new UnaryOp.Log());
  }

  /**
   * √x, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor sqrt() {
    return apply(new UnaryOp.Sqrt());
  }

  /**
   * 1/√x, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor rsqrt() {
    return apply(new UnaryOp.Rsqrt());
  }

  /**
   * 1/x, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor reciprocal() {
    return apply(new UnaryOp.Reciprocal());
  }

  /**
   * Hyperbolic tangent, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor tanh() {
    return apply(new UnaryOp.Tanh());
  }

  /**
   * Error function, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor erf() {
    return apply(new UnaryOp.Erf());
  }

  /**
   * 1/(1 + e⁻ˣ), elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor sigmoid() {
    return apply(new UnaryOp.Sigmoid());
  }

  /**
   * Sine of radians, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor sin() {
    return apply(new UnaryOp.Sin());
  }

  /**
   * Cosine of radians, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor cos() {
    return apply(new UnaryOp.Cos());
  }

  /**
   * max(x, 0), elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor relu() {
    return apply(new UnaryOp.Relu());
  }

  /**
   * x·Φ(x), exact by erf, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor gelu() {
    return apply(new UnaryOp.Gelu(false));
  }

  /**
   * GELU by its tanh formula, elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor geluTanh() {
    return apply(new UnaryOp.Gelu(true));
  }

  /**
   * x·sigmoid(x), elementwise.
   *
   * @return floating point, same shape and dtype
   */
  default Tensor silu() {
    return apply(new UnaryOp.Silu());
  }

  /**
   * Logical negation, elementwise.
   *
   * @return BOOL, same shape and dtype
   */
  default Tensor not() {
    return apply(new UnaryOp.Not());
  }

  /**
   * min(max(x, low), high), elementwise.
   *
   * @param low lower bound; −∞ for none
   * @param high upper bound; +∞ for none
   * @return numbers, same shape and dtype
   */
  default Tensor clip(double low, double high) {
    return apply(new UnaryOp.Clip(low, high));
  }

  /**
   * a + b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor add(Tensor b) {
    return apply(new BinaryOp.Add(), b);
  }

  /**
   * a − b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor sub(Tensor b) {
    return apply(new BinaryOp.Sub(), b);
  }

  /**
   * a · b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor mul(Tensor b) {
    return apply(new BinaryOp.Mul(), b);
  }

  /**
   * a / b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor div(Tensor b) {
    return apply(new BinaryOp.Div(), b);
  }

  /**
   * aᵇ, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor pow(Tensor b) {
    return apply(new BinaryOp.Pow(), b);
  }

  /**
   * The larger of a and b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor maximum(Tensor b) {
    return apply(new BinaryOp.Maximum(), b);
  }

  /**
   * The smaller of a and b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor minimum(Tensor b) {
    return apply(new BinaryOp.Minimum(), b);
  }

  /**
   * a + b with a constant b.
   *
   * @param b rounded to this dtype
   * @return same shape and dtype
   */
  default Tensor add(double b) {
    return apply(new BinaryOp.Add(), ((Tensor) this).scalarLike(b));
  }

  /**
   * a − b with a constant b.
   *
   * @param b rounded to this dtype
   * @return same shape and dtype
   */
  default Tensor sub(double b) {
    return apply(new BinaryOp.Sub(), ((Tensor) this).scalarLike(b));
  }

  /**
   * a · b with a constant b.
   *
   * @param b rounded to this dtype
   * @return same shape and dtype
   */
  default Tensor mul(double b) {
    return apply(new BinaryOp.Mul(), ((Tensor) this).scalarLike(b));
  }

  /**
   * a / b with a constant b.
   *
   * @param b rounded to this dtype
   * @return same shape and dtype
   */
  default Tensor div(double b) {
    return apply(new BinaryOp.Div(), ((Tensor) this).scalarLike(b));
  }

  /**
   * aᵇ with a constant b.
   *
   * @param b rounded to this dtype
   * @return same shape and dtype
   */
  default Tensor pow(double b) {
    return apply(new BinaryOp.Pow(), ((Tensor) this).scalarLike(b));
  }

  /**
   * a = b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor equal(Tensor b) {
    return apply(new CompareOp.Equal(), b);
  }

  /**
   * a ≠ b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor notEqual(Tensor b) {
    return apply(new CompareOp.NotEqual(), b);
  }

  /**
   * a &lt; b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor less(Tensor b) {
    return apply(new CompareOp.Less(), b);
  }

  /**
   * a ≤ b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor lessEqual(Tensor b) {
    return apply(new CompareOp.LessEqual(), b);
  }

  /**
   * a &gt; b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor greater(Tensor b) {
    return apply(new CompareOp.Greater(), b);
  }

  /**
   * a ≥ b, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor greaterEqual(Tensor b) {
    return apply(new CompareOp.GreaterEqual(), b);
  }

  /**
   * a ∧ b of BOOL, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor and(Tensor b) {
    return apply(new CompareOp.And(), b);
  }

  /**
   * a ∨ b of BOOL, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor or(Tensor b) {
    return apply(new CompareOp.Or(), b);
  }

  /**
   * a ⊕ b of BOOL, elementwise.
   *
   * @param b same dtype, broadcasts
   * @return BOOL of the broadcast shape
   */
  default Tensor xor(Tensor b) {
    return apply(new CompareOp.Xor(), b);
  }

  /**
   * silu(this) · up, the gate of SwiGLU.
   *
   * @param up same dtype, broadcasts
   * @return broadcast shape, same dtype
   */
  default Tensor swiGlu(Tensor up) {
    return apply(new BinaryOp.SwiGlu(), up);
  }

  /**
   * gelu(this) · up, the gate of GeGLU.
   *
   * @param up same dtype, broadcasts
   * @param tanh true for the tanh formula
   * @return broadcast shape, same dtype
   */
  default Tensor geGlu(Tensor up, boolean tanh) {
    return apply(new BinaryOp.GeGlu(tanh), up);
  }

  private Tensor apply(UnaryOp op) {
    Tensor x = (Tensor) this;
    return x.executor().one(op, x);
  }

  private Tensor apply(Op op, Tensor b) {
    Tensor a = (Tensor) this;
    return a.executor().one(op, a, b);
  }
}
