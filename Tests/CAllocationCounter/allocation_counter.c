#include "allocation_counter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__has_feature)
  #if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
    #define HAS_OWN_ALLOCATOR 1
  #endif
#endif

static atomic_bool is_counting;
static void (*_Atomic on_allocation)(void);
static _Atomic int64_t count, bytes, largest, live, live_peak;

static _Thread_local bool is_counting_thread;
static _Thread_local allocation_counts thread_counts;

#if defined(__GLIBC__) && !defined(HAS_OWN_ALLOCATOR)
  #include <malloc.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t items, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

bool allocation_counter_is_available(void) { return true; }

static void raise_to(_Atomic int64_t *maximum, int64_t value) {
  int64_t current = atomic_load_explicit(maximum, memory_order_relaxed);
  while (value > current && !atomic_compare_exchange_weak_explicit(
                                maximum, &current, value, memory_order_relaxed, memory_order_relaxed)) {}
}

static bool counts_anything(void) {
  return is_counting_thread || atomic_load_explicit(&is_counting, memory_order_relaxed);
}

static int64_t usable(void *block) { return block == NULL ? 0 : (int64_t)malloc_usable_size(block); }

static void note_growth(int64_t growth) {
  if (atomic_load_explicit(&is_counting, memory_order_relaxed)) {
    raise_to(&live_peak, atomic_fetch_add_explicit(&live, growth, memory_order_relaxed) + growth);
  }
  if (is_counting_thread) {
    thread_counts.live += growth;
    if (thread_counts.live > thread_counts.live_peak) thread_counts.live_peak = thread_counts.live;
  }
}

// A call for `size` bytes, more than PTRDIFF_MAX counted as that many. It counts even where it was
// refused: who asks for too much has been lied to all the same.
static void note_call(size_t size) {
  int64_t asked = size > INT64_MAX ? INT64_MAX : (int64_t)size;
  int64_t added = size > INT64_MAX / 2 ? 0 : asked;
  if (atomic_load_explicit(&is_counting, memory_order_relaxed)) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, added, memory_order_relaxed);
    raise_to(&largest, asked);
    void (*hook)(void) = atomic_load_explicit(&on_allocation, memory_order_acquire);
    if (hook != NULL) hook();
  }
  if (is_counting_thread) {
    thread_counts.count += 1;
    thread_counts.bytes += added;
    if (asked > thread_counts.largest) thread_counts.largest = asked;
  }
}

static void *noted(void *block, size_t size) {
  if (counts_anything()) {
    note_call(size);
    note_growth(usable(block));
  }
  return block;
}

  // A call of one of these stands in the stack under its name, which shows who called the allocator.
  #define INTERPOSED __attribute__((disable_tail_calls))

INTERPOSED void *malloc(size_t size) { return noted(__libc_malloc(size), size); }

INTERPOSED void *calloc(size_t items, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(items, size, &total)) total = SIZE_MAX;
  return noted(__libc_calloc(items, size), total);
}

INTERPOSED void *realloc(void *block, size_t size) {
  if (!counts_anything()) return __libc_realloc(block, size);
  int64_t before = usable(block);
  void *result = __libc_realloc(block, size);
  note_call(size);
  // Where it failed, the old block stands.
  if (result != NULL || size == 0) note_growth(usable(result) - before);
  return result;
}

INTERPOSED void *memalign(size_t alignment, size_t size) {
  return noted(__libc_memalign(alignment, size), size);
}

INTERPOSED void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

INTERPOSED int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  void *block = memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *result = block;
  return 0;
}

void free(void *block) {
  if (block != NULL && counts_anything()) note_growth(-usable(block));
  __libc_free(block);
}

#else

bool allocation_counter_is_available(void) { return false; }

#endif

void allocation_counter_reset(void) {
  atomic_store(&count, 0);
  atomic_store(&bytes, 0);
  atomic_store(&largest, 0);
  atomic_store(&live, 0);
  atomic_store(&live_peak, 0);
}

void allocation_counter_on_allocation(void (*hook)(void)) { atomic_store(&on_allocation, hook); }

void allocation_counter_start(void) {
  allocation_counter_reset();
  atomic_store(&is_counting, true);
}

void allocation_counter_stop(void) { atomic_store(&is_counting, false); }

int64_t allocation_counter_count(void) { return atomic_load(&count); }
int64_t allocation_counter_bytes(void) { return atomic_load(&bytes); }
int64_t allocation_counter_largest(void) { return atomic_load(&largest); }
int64_t allocation_counter_live_peak(void) { return atomic_load(&live_peak); }

allocation_counts allocation_counter_read(void) {
  return (allocation_counts){atomic_load(&count), atomic_load(&bytes), atomic_load(&largest),
                             atomic_load(&live), atomic_load(&live_peak)};
}

void allocation_counter_thread_start(void) {
  thread_counts = (allocation_counts){0};
  is_counting_thread = true;
}

void allocation_counter_thread_stop(void) { is_counting_thread = false; }

allocation_counts allocation_counter_thread_read(void) { return thread_counts; }
