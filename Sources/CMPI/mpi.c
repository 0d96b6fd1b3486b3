#define _POSIX_C_SOURCE 200809L

#include "CMPI.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(TJ_MPI)

  #include <mpi.h>

/// How long a rank stays awake that waits: in a hurry, or patiently, while it computes. After that it looks so often before
/// each pause of so many nanoseconds: one pause must not hold up much of what a network brings meanwhile. (MPI's own
/// waiting never pauses, and takes a processor that the computing has use for.)
static const double HURRIED = 20e-3, PATIENT = 50e-6;
enum { LOOKS = 32, PAUSE = 20000 };
/// What counts at most, in seconds, between two looks.
static const double LONGEST_GAP = .5;
static atomic_bool is_patient;

void tj_mpi_wait_patiently(bool patiently) { atomic_store(&is_patient, patiently); }

int tj_mpi_is_built(void) { return 1; }

int tj_mpi_begin(void) {
  int provided;
  // One thread computes while another one exchanges; never do two call MPI at once.
  const int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  if (code != MPI_SUCCESS) return code;
  if (provided < MPI_THREAD_SERIALIZED) return MPI_ERR_UNSUPPORTED_OPERATION;
  return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

int tj_mpi_rank(void) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int tj_mpi_count(void) {
  int count = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  return count;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// Waits for all requests, until the limit.
static int wait_for(int count, MPI_Request *requests, double limit, int *done) {
  double waited = 0, last = seconds();
  for (long look = 1;; look++) {
    const int code = MPI_Testall(count, requests, done, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS || *done) return code;
    // A process that was itself stopped for a while did not wait: it is not the others that hang.
    const double now = seconds();
    waited += now - last < LONGEST_GAP ? now - last : LONGEST_GAP;
    last = now;
    if (limit > 0 && waited > limit) return MPI_SUCCESS;
    if (waited < (atomic_load(&is_patient) ? PATIENT : HURRIED)) {
      sched_yield();
    } else if (look % LOOKS == 0) {
      const struct timespec pause = {.tv_nsec = PAUSE};
      nanosleep(&pause, NULL);
    }
  }
}

/// A message or a part of it, as often as it takes: MPI counts with an int.
enum { LARGEST = 1 << 30 };

static size_t parts(size_t bytes) { return bytes / LARGEST + (bytes % LARGEST != 0); }

/// Begins to receive or to send; the requests lie behind the `count` ones that there are.
static int begin_message(bool receives, void *bytes, size_t length, int rank, MPI_Request *requests,
                         int *count) {
  for (size_t done = 0; done < length; done += LARGEST) {
    const int part = length - done < LARGEST ? (int)(length - done) : LARGEST;
    char *start = (char *)bytes + done;
    MPI_Request *request = &requests[(*count)++];
    const int code = receives ? MPI_Irecv(start, part, MPI_BYTE, rank, 0, MPI_COMM_WORLD, request)
                              : MPI_Isend(start, part, MPI_BYTE, rank, 0, MPI_COMM_WORLD, request);
    if (code != MPI_SUCCESS) return code;
  }
  return MPI_SUCCESS;
}

/// Whether one of some requests, of which all that are done may be gone, is not done.
static bool is_open(int count, MPI_Request *requests) {
  int done = 1;
  return count > 0 && MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE) == MPI_SUCCESS && !done;
}

int tj_mpi_exchange(int sent_count, const tj_mpi_message *sent, int received_count,
                    const tj_mpi_message *received, double limit, bool *missing, bool *complete) {
  size_t most = 0;
  for (int i = 0; i < sent_count; i++) most += parts(sent[i].length);
  for (int i = 0; i < received_count; i++) most += parts(received[i].length);
  MPI_Request *requests = calloc(most + 1, sizeof *requests);
  int *starts = calloc((size_t)received_count + 1, sizeof *starts);
  int code = requests && starts ? MPI_SUCCESS : MPI_ERR_NO_MEM, count = 0;
  for (int i = 0; i < received_count && code == MPI_SUCCESS; i++) {
    code = begin_message(true, received[i].bytes, received[i].length, received[i].rank, requests, &count);
    starts[i + 1] = count;
  }
  for (int i = 0; i < sent_count && code == MPI_SUCCESS; i++)
    code = begin_message(false, sent[i].bytes, sent[i].length, sent[i].rank, requests, &count);
  int done = 1;
  if (code == MPI_SUCCESS) code = wait_for(count, requests, limit, &done);
  if (code == MPI_SUCCESS && !done) {
    for (int i = 0; i < received_count; i++)
      if (is_open(starts[i + 1] - starts[i], requests + starts[i])) missing[received[i].rank] = true;
  }
  *complete = done;
  free(requests);
  free(starts);
  return code;
}

int tj_mpi_broadcast(void *bytes, size_t length, int root, double limit, bool *complete) {
  *complete = true;
  for (size_t done = 0; done < length && *complete; done += LARGEST) {
    const int part = length - done < LARGEST ? (int)(length - done) : LARGEST;
    MPI_Request request;
    int is_done = 1;
    int code = MPI_Ibcast((char *)bytes + done, part, MPI_BYTE, root, MPI_COMM_WORLD, &request);
    if (code == MPI_SUCCESS) code = wait_for(1, &request, limit, &is_done);
    if (code != MPI_SUCCESS) return code;
    *complete = is_done;
  }
  return MPI_SUCCESS;
}

void tj_mpi_describe(int code, char *text, size_t capacity) {
  char found[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, found, &length) != MPI_SUCCESS) length = 0;
  snprintf(text, capacity, "%.*s", length, found);
}

void tj_mpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

int tj_mpi_end(void) { return MPI_Finalize(); }

#else

int tj_mpi_is_built(void) { return 0; }
int tj_mpi_begin(void) { abort(); }
void tj_mpi_wait_patiently(bool patiently) { (void)patiently; }
int tj_mpi_rank(void) { abort(); }
int tj_mpi_count(void) { abort(); }

int tj_mpi_exchange(int sent_count, const tj_mpi_message *sent, int received_count,
                    const tj_mpi_message *received, double limit, bool *missing, bool *complete) {
  (void)sent_count, (void)sent, (void)received_count, (void)received, (void)limit;
  (void)missing, (void)complete;
  abort();
}

int tj_mpi_broadcast(void *bytes, size_t length, int root, double limit, bool *complete) {
  (void)bytes, (void)length, (void)root, (void)limit, (void)complete;
  abort();
}

void tj_mpi_describe(int code, char *text, size_t capacity) { snprintf(text, capacity, "code %d", code); }

void tj_mpi_abort(int status) { exit(status); }
int tj_mpi_end(void) { abort(); }

#endif
