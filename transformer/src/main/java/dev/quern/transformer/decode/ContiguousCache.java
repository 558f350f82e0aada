package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A cache in memory of its own. A block's keys are [batch, kvHeads, rows, headDim], so that a
 * head's keys follow each other; attention sees them as [batch, rows, kvHeads, headDim]. There is
 * one row more than the capacity: where a sequence that sits a step out writes.
 */
final class ContiguousCache extends KvCache {
  private final Engine engine;
  private final Decoder.Dimensions dimensions;
  private final List<Storage> storages = new ArrayList<>();
  private final List<CacheLayer> layers = new ArrayList<>();
  private final LeakReport leak;

  /** An empty cache. */
  ContiguousCache(
      Engine engine, Decoder.Dimensions dimensions, DType dtype, int batch, int capacity) {
    super(dtype, batch, capacity);
    requireStorable(dtype, dimensions);
    this.engine = engine;
    this.dimensions = dimensions;
    for (int i = 0; i < dimensions.layers(); i++) {
      layers.add(new CacheLayer(allocate(), allocate(), null));
    }
    this.leak = LeakReport.watch(this, lifetime(), storages);
  }

  private Tensor allocate() {
    TensorSpec spec =
        TensorSpec.of(
            dtype(), batch(), dimensions.kvHeads(), capacity() + 1L, dimensions.headDim());
    Storage storage = engine.zeroed(spec, lifetime(), true);
    storages.add(storage);
    return engine.wrap(storage, spec).permute(0, 2, 1, 3);
  }

  /** The row after the capacity. */
  @Override
  int idleRow() {
    return capacity();
  }

  @Override
  public long bytes() {
    return storages.stream().mapToLong(s -> s.spec().byteSize()).sum();
  }

  @Override
  public List<CacheLayer> layers() {
    return List.copyOf(layers);
  }

  @Override
  List<CacheLayer> sequenceLayers(int sequence) {
    return layers.stream()
        .map(
            l ->
                new CacheLayer(
                    l.keys().slice(0, sequence, 1), l.values().slice(0, sequence, 1), null))
        .toList();
  }

  @Override
  void hold(int[] tokens, int count) {} // there is room for all

  @Override
  void hold(int sequence, int count) {}

  @Override
  void shortened(int sequence) {}

  @Override
  KvCache empty(int batch) {
    return new ContiguousCache(engine, dimensions, dtype(), batch, capacity());
  }

  @Override
  void adopt(KvCache from, int[] sources, int[] copied) {
    int longest = Arrays.stream(copied).max().orElse(0);
    if (longest == 0) {
      return;
    }
    List<CacheLayer> others = ((ContiguousCache) from).layers;
    try (TensorScope _ = TensorScope.open("kv cache copy")) {
      Tensor index = engine.tensor(sources);
      for (int i = 0; i < layers.size(); i++) {
        copy(others.get(i).keys(), layers.get(i).keys(), index, longest);
        copy(others.get(i).values(), layers.get(i).values(), index, longest);
      }
    }
  }

  /** Gathers into memory of its own first, so that source and target may be the same. */
  private static void copy(Tensor from, Tensor to, Tensor index, int rows) {
    to.slice(1, 0, rows).assign(from.slice(1, 0, rows).indexSelect(0, index));
  }

  @Override
  void free() {
    storages.forEach(Storage::recycle);
  }

  @Override
  void closed() {
    leak.done();
  }
}
