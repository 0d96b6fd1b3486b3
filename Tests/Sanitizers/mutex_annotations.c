// Tells ThreadSanitizer about the slow paths of Swift's Mutex on Linux, to be loaded with LD_PRELOAD.
//
// The fast paths of Synchronization.Mutex are inlined and instrumented with the code that uses it; where a lock
// is contended they call into libswiftSynchronization, which is not, so that ThreadSanitizer sees neither
// that the one who waits comes after the one who unlocks, nor the other way round. Suppressions would have to
// cover all that is ever passed on under a lock. These two stand in front of the library's functions and
// say what happens there, no more.
#define _GNU_SOURCE // RTLD_NEXT

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// Not there in programs without ThreadSanitizer, which this may be loaded into as well.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

// Methods of _MutexHandle, whose address is the context: _lockSlow(_: UInt32) and _unlockSlow().
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SELF __attribute__((swift_context)) void *self

typedef __attribute__((swiftcall)) void lock_function(uint32_t thread, SELF);
typedef __attribute__((swiftcall)) void unlock_function(SELF);

static void *next(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
  ((lock_function *)next(LOCK_SLOW))(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
  if (__tsan_release) __tsan_release(self);
  ((unlock_function *)next(UNLOCK_SLOW))(self);
}
