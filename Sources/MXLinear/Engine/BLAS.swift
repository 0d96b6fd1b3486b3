import Runtime

#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// Single-precision matrix products by the system's BLAS, one call on the calling thread.
///
/// Row-major; a leading dimension is the distance between two rows. The library's own threads are switched off: they
/// would compete with `parallelFor`, and their slices depend on how many there are.
public enum BLAS {
  #if canImport(Accelerate)
    /// Accelerate remembers it for each thread, and slices run on threads that come and go: so before every call. A call
    /// sets a thread-local variable.
    private static func useOneThread() { _ = BLASSetThreading(BLAS_THREADING_SINGLE_THREADED) }
  #else
    /// OpenBLAS remembers it for the process: once.
    private static func useOneThread() { _ = singleThreaded }

    private static let singleThreaded: Void = openblas_set_num_threads(1)
  #endif

  /// C = alpha · op(A)·op(B) + beta · C with op(A) m × k and op(B) k × n.
  public static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, beta: Float = 0,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    useOneThread()
    if m == 0 || n == 0 { return }
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      numericCast(m), numericCast(n), numericCast(k), alpha, a, numericCast(lda), b,
      numericCast(ldb), beta, c, numericCast(ldc))
  }
}
