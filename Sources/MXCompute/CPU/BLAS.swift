#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// Single-precision matrix products by the system's BLAS, one call on the calling thread.
///
/// Row-major; a leading dimension is the distance between two rows. The library's own threads are switched off: they
/// would compete with `parallelFor`, and their slices depend on how many there are.
enum BLAS {
  /// Before the first product. OpenBLAS remembers it for the process; Accelerate for each thread, so that `gemm` sets it.
  static func useOneThread() {
    #if !canImport(Accelerate)
      _ = singleThreaded
    #endif
  }

  #if !canImport(Accelerate)
    private static let singleThreaded: Void = openblas_set_num_threads(1)
  #endif

  /// C = alpha · op(A)·op(B) + beta · C with op(A) m × k and op(B) k × n.
  static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, beta: Float = 0,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    #if canImport(Accelerate)
      // Slices run on threads that come and go; the call sets a thread-local variable.
      _ = BLASSetThreading(BLAS_THREADING_SINGLE_THREADED)
    #endif
    if m == 0 || n == 0 { return }
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      numericCast(m), numericCast(n), numericCast(k), alpha, a, numericCast(lda), b,
      numericCast(ldb), beta, c, numericCast(ldc))
  }
}
