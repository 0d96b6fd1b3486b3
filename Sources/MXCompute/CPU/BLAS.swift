#if BLAS
  #if canImport(Accelerate)
    import Accelerate
  #else
    import COpenBLAS
  #endif
#endif

/// Single-precision matrix products, one on the calling thread: by the system's BLAS, or where the package's trait of
/// that name is left out by plain loops, which are slow.
///
/// Row-major; a leading dimension is the distance between two rows. The library's own threads are switched off: they
/// would compete with `parallelFor`, and their slices depend on how many there are.
enum BLAS {
  /// Before the first product. OpenBLAS remembers it for the process; Accelerate for each thread, so that `gemm` sets it.
  static func useOneThread() {
    #if BLAS && !canImport(Accelerate)
      _ = singleThreaded
    #endif
  }

  #if BLAS && !canImport(Accelerate)
    private static let singleThreaded: Void = openblas_set_num_threads(1)
  #endif

  /// C = op(A)·op(B) + beta · C with op(A) m × k and op(B) k × n.
  static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, beta: Float = 0,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    if m == 0 || n == 0 { return }
    #if BLAS
      #if canImport(Accelerate)
        // Slices run on threads that come and go; the call sets a thread-local variable.
        _ = BLASSetThreading(BLAS_THREADING_SINGLE_THREADED)
      #endif
      cblas_sgemm(
        CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
        transposeB ? CblasTrans : CblasNoTrans, numericCast(m), numericCast(n), numericCast(k), 1,
        a, numericCast(lda), b, numericCast(ldb), beta, c, numericCast(ldc))
    #else
      for row in 0..<m {
        let sums = c + row * ldc
        for column in 0..<n { sums[column] = beta == 0 ? 0 : beta * sums[column] }
        for inner in 0..<k {
          let factor = transposeA ? a[inner * lda + row] : a[row * lda + inner]
          let (other, step) = transposeB ? (b + inner, ldb) : (b + inner * ldb, 1)
          for column in 0..<n { sums[column] += factor * other[column * step] }
        }
      }
    #endif
  }
}
