package dev.quern.kernels.cuda.driver;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;

/**
 * JCuda's objects with the numbers inside them, which JCuda shows to subclasses alone: FFM calls
 * need them, and addresses that Quern computes must become such objects.
 */
final class RawHandles {
  private RawHandles() {}

  /** A stream. */
  static final class Stream extends CUstream {
    long raw() {
      return getNativePointer();
    }
  }

  /** A kernel. */
  static final class Function extends CUfunction {
    long raw() {
      return getNativePointer();
    }
  }

  /** A device address. */
  static final class DeviceAddress extends CUdeviceptr {
    /** To be filled by the driver. */
    DeviceAddress() {}

    /** A given one: nothing, and so many bytes on. */
    DeviceAddress(long address) {
      super(new CUdeviceptr(), address);
    }

    long raw() {
      return getNativePointer() + getByteOffset();
    }
  }

  /** A host address. */
  static final class HostAddress extends Pointer {
    /** To be filled by the driver. */
    HostAddress() {}

    /** A given one. */
    HostAddress(long address) {
      super(address);
    }

    long raw() {
      return getNativePointer() + getByteOffset();
    }
  }
}
