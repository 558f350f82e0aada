package dev.quern.bench;

import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/** oneDNN, with the weight in the layout that its matmul asks for; the result is F32. */
final class OneDnnProduct implements Product {
  private final Operands o;
  private final FloatPointer y;
  private final stream queue;
  private final matmul product;
  private final IntMemoryMap arguments = new IntMemoryMap();

  OneDnnProduct(Operands o) {
    this.o = o;
    engine cpu = new engine(engine.kind.cpu, 0);
    queue = new stream(cpu);
    memory.data_type type = o.bf16() ? memory.data_type.bf16 : memory.data_type.f32;
    long[] xDims = {o.m(), o.k()};
    long[] wDims = {o.k(), o.n()};
    long[] yDims = {o.m(), o.n()};
    memory.desc x = new memory.desc(xDims, type, memory.format_tag.ab);
    memory.desc any = new memory.desc(wDims, type, memory.format_tag.any);
    memory.desc plain = new memory.desc(wDims, type, memory.format_tag.ba); // w is (n, k)
    memory.desc result = new memory.desc(yDims, memory.data_type.f32, memory.format_tag.ab);
    matmul.primitive_desc wanted = new matmul.primitive_desc(cpu, x, any, result);
    memory packed = new memory(wanted.weights_desc(), cpu);
    memory given = new memory(plain, cpu, values(o.w()));
    new reorder(given, packed).execute(queue, given, packed);
    queue._wait();
    y = new FloatPointer((long) o.m() * o.n());
    product = new matmul(wanted);
    arguments.put(dnnl.DNNL_ARG_SRC, new memory(x, cpu, values(o.x())));
    arguments.put(dnnl.DNNL_ARG_WEIGHTS, packed);
    arguments.put(dnnl.DNNL_ARG_DST, new memory(result, cpu, y));
  }

  private Pointer values(float... values) {
    return o.bf16() ? new ShortPointer(Operands.bf16(values)) : new FloatPointer(values);
  }

  @Override
  public void run() {
    product.execute(queue, arguments);
    queue._wait();
  }

  @Override
  public float get(int row, int column) {
    return y.get((long) row * o.n() + column);
  }
}
