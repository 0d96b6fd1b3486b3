#if defined(__linux__)
  #define _GNU_SOURCE // signal masks and clocks
#endif

#include "parallel_for.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<dispatch/dispatch.h>)
  #include <dispatch/dispatch.h>
#else
// On Linux libdispatch's header lies where only Swift looks for it.
extern void dispatch_apply_f(size_t iterations, void *queue, void *context, void (*work)(void *, size_t));
  #define DISPATCH_APPLY_AUTO NULL
#endif

typedef struct {
  tj_body *body;
  void *captures;
} tj_closure;

static void call(void *closure, size_t index) {
  const tj_closure *self = closure;
  self->body((intptr_t)index, self->captures);
}

// The pool: threads that wait for the next call awake for a while, since to wake one that sleeps takes tens of
// microseconds, more where the machine is a virtual one, and a small model's pass makes a hundred and more calls.
//
// A call is one job. The caller writes it down while it is closed, opens it, and works on it like everyone; when no index
// is left it closes it, and waits for those who are inside. Who comes late finds it closed, and nobody waits for them.

/// How long threads stay awake with nothing to do.
enum { AWAKE_NANOSECONDS = 100 * 1000 };

static struct {
  atomic_int is_taken;     // by a caller
  intptr_t workers, limit; // threads there are, and may be, or -1; for the caller to read and write
  // The job.
  tj_closure closure;
  intptr_t count;
  _Atomic intptr_t next;
  atomic_uint number; // of the last job
  atomic_int is_open, inside;
  // Who sleeps.
  atomic_int sleepers, caller_sleeps;
  pthread_mutex_t lock;
  pthread_cond_t opened, left;
} pool = {.limit = -1,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .opened = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER};

static void rest(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int has_job(unsigned last) { return atomic_load(&pool.number) != last; }
static int is_left(unsigned unused) {
  (void)unused;
  return atomic_load(&pool.inside) == 0;
}

/// Waits awake; returns whether it came true.
static int comes_true(int (*condition)(unsigned), unsigned last) {
  const int64_t end = nanoseconds() + AWAKE_NANOSECONDS;
  do
    for (int i = 0; i < 32; i++) {
      if (condition(last)) return 1;
      rest();
    }
  while (nanoseconds() < end);
  return 0;
}

static void take_indices(void) {
  const tj_closure closure = pool.closure;
  const intptr_t count = pool.count;
  for (;;) {
    const intptr_t index = atomic_fetch_add(&pool.next, 1);
    if (index >= count) return;
    closure.body(index, closure.captures);
  }
}

static void *work(void *unused) {
  unsigned last = 0;
  for (;;) {
    if (!comes_true(has_job, last)) {
      pthread_mutex_lock(&pool.lock);
      atomic_fetch_add(&pool.sleepers, 1);
      while (!has_job(last)) pthread_cond_wait(&pool.opened, &pool.lock);
      atomic_fetch_sub(&pool.sleepers, 1);
      pthread_mutex_unlock(&pool.lock);
    }
    last = atomic_load(&pool.number);
    // In this order: either the job is seen closed here, or this thread is seen inside by who closes it.
    atomic_fetch_add(&pool.inside, 1);
    if (atomic_load(&pool.is_open)) take_indices();
    if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.caller_sleeps)) {
      pthread_mutex_lock(&pool.lock);
      pthread_cond_signal(&pool.left);
      pthread_mutex_unlock(&pool.lock);
    }
  }
  return unused;
}

/// Sees to it that there are so many threads beside the caller, or as many as there are processors, or can be had.
static void grow(intptr_t wanted) {
  // Once: glibc opens a file to answer, which takes longer than many a job.
  if (pool.limit < 0) pool.limit = sysconf(_SC_NPROCESSORS_ONLN) - 1;
  if (wanted > pool.limit) wanted = pool.limit;
  if (pool.workers >= wanted) return;
  sigset_t all, before;
  sigfillset(&all);
  // Signals are for the threads that the process had.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (; pool.workers < wanted; pool.workers++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL)) break;
    pthread_detach(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_job(tj_closure closure, intptr_t count) {
  pool.closure = closure;
  pool.count = count;
  atomic_store(&pool.next, 0);
  atomic_store(&pool.is_open, 1);
  atomic_fetch_add(&pool.number, 1);
  if (atomic_load(&pool.sleepers) > 0) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.opened);
    pthread_mutex_unlock(&pool.lock);
  }
  take_indices();
  atomic_store(&pool.is_open, 0);
  if (comes_true(is_left, 0)) return;
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.caller_sleeps, 1);
  while (!is_left(0)) pthread_cond_wait(&pool.left, &pool.lock);
  atomic_store(&pool.caller_sleeps, 0);
  pthread_mutex_unlock(&pool.lock);
}

__attribute__((swiftcall)) void tj_concurrent_perform(intptr_t count, tj_body *body, void *captures) {
  tj_closure closure = {body, captures};
  if (atomic_exchange(&pool.is_taken, 1)) {
    // Another thread's call, or one within a call.
    dispatch_apply_f((size_t)count, DISPATCH_APPLY_AUTO, &closure, call);
    return;
  }
  grow(count - 1);
  run_job(closure, count);
  atomic_store(&pool.is_taken, 0);
}
