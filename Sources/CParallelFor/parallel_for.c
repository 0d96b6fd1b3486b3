#include "parallel_for.h"

#include <stddef.h>

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

__attribute__((swiftcall)) void tj_concurrent_perform(intptr_t count, tj_body *body, void *captures) {
  tj_closure closure = {body, captures};
  dispatch_apply_f((size_t)count, DISPATCH_APPLY_AUTO, &closure, call);
}
