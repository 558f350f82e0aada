package dev.quern.transformer.families;

import dev.quern.core.op.Buffer;

/**
 * A weight that is trained.
 *
 * @param name as the checkpoint spells it
 * @param buffer F32, what the layers read
 * @param transposed whether the checkpoint has the two axes the other way round
 */
public record TrainedWeight(String name, Buffer buffer, boolean transposed) {}
