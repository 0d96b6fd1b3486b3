#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes all of `bytes` to an open descriptor, however many calls that takes, or says by `errno` why not.
///
/// A call that a signal interrupted is made again. A descriptor that somebody has made non-blocking, as a program may with
/// a terminal that it shares with us, is waited for.
///
/// - Returns: whether all bytes were written.
package func writeWhole(_ handle: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let put = write(handle, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if put >= 0 {
      rest = rest.dropFirst(put)
    } else if errno == EAGAIN {
      var wanted = pollfd(fd: handle, events: Int16(POLLOUT), revents: 0)
      guard poll(&wanted, 1, -1) >= 0 || errno == EINTR else { return false }
    } else if errno != EINTR {
      return false
    }
  }
  return true
}
