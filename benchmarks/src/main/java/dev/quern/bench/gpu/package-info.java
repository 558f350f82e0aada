/**
 * Measurements on a device that takes its work in a stream, by the device's own clock: the program
 * {@code quern-gpu-bench} of the bundle. Each {@link dev.quern.bench.gpu.Section} makes its
 * operands where it measures, records a plan, and replays it with caches emptied in between; shapes
 * and names are those of {@code gpu_torch.py}, so that both can be put side by side.
 *
 * <p>Allowed imports: everything but JMH, which the bundle doesn't have.
 *
 * {@snippet :
 * // bin/quern-gpu-bench --json quern.jsonl matmul attention
 * // bin/quern-gpu-bench join quern.jsonl torch.jsonl
 * }
 */
@NullMarked
package dev.quern.bench.gpu;

import org.jspecify.annotations.NullMarked;
