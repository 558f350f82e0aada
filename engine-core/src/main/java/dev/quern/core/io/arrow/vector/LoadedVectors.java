package dev.quern.core.io.arrow.vector;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowStreamReader;

/** The vectors of one batch, which own their memory. */
@SuppressWarnings("exports") // who calls this has arrow-vector in its own module descriptor
public final class LoadedVectors implements AutoCloseable {
  private final ArrowStreamReader reader;
  private final VectorSchemaRoot root;

  LoadedVectors(ArrowStreamReader reader, VectorSchemaRoot root) {
    this.reader = reader;
    this.root = root;
  }

  /**
   * The columns.
   *
   * @return vectors, valid until this is closed
   */
  public VectorSchemaRoot root() {
    return root;
  }

  /**
   * The dictionaries of the dictionary-encoded columns.
   *
   * @return vectors by the ids of the schema, valid until this is closed
   */
  public DictionaryProvider dictionaries() {
    return reader;
  }

  /** Frees the vectors. Closing them again does nothing. */
  @Override
  public void close() {
    try {
      reader.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close the vectors", e);
    }
  }
}
