/* Loaded with LD_PRELOAD: a disk that fails or is slow, and a clock that is wrong. Compiled by shim.py.
 *
 * FAULT_PATH: only files whose path contains it. FAULT_CONTROL: a file of six 64-bit numbers, which control.py writes
 * and every process maps: it changes while they run. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  atomic_llong clock; /* seconds added to the time of day */
  atomic_llong error; /* of writes; 0: they succeed */
  atomic_llong skip;  /* so many writes succeed first */
  atomic_llong count; /* then so many fail, over all processes */
  atomic_llong delay; /* microseconds that each write takes longer */
  atomic_llong opens; /* error of opening a file for writing and of making a folder; 0: they succeed */
};
static struct control none, *control = &none;
static const char *wanted;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_CONTROL");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *memory = mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) control = memory;
    close(file);
  }
  wanted = getenv("FAULT_PATH");
}

static int grows(int file, off64_t end) {
  struct stat64 found;
  return fstat64(file, &found) || end > found.st_size;
}

static int fails(int file) {
  if (!wanted || (!control->error && !control->delay)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (!strstr(path, wanted)) return 0;
  if (control->delay) usleep(control->delay);
  if (!control->error || atomic_fetch_sub(&control->skip, 1) > 0 || atomic_fetch_sub(&control->count, 1) <= 0) return 0;
  errno = control->error;
  return 1;
}

static int closed(const char *path, int writing) {
  if (!control->opens || !wanted || !writing || !strstr(path, wanted)) return 0;
  errno = control->opens;
  return 1;
}

#define REAL(type, name, ...)                                 \
  static type (*real)(__VA_ARGS__);                           \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int file, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  return fails(file) ? -1 : real(file, data, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  return fails(file) ? -1 : real(file, parts, count);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  if (control->error == ENOSPC && !grows(file, at + size)) return real(file, data, size, at); /* it needs no room */
  return fails(file) ? -1 : real(file, data, size, at);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  if (control->error == ENOSPC && !grows(file, at + size)) return real(file, data, size, at);
  return fails(file) ? -1 : real(file, data, size, at);
}

int fsync(int file) {
  REAL(int, "fsync", int);
  return fails(file) ? -1 : real(file);
}

int fdatasync(int file) {
  REAL(int, "fdatasync", int);
  return fails(file) ? -1 : real(file);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  return closed(path, 1) ? -1 : real(path, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  REAL(int, "open", const char *, int, ...);
  return closed(path, flags & (O_WRONLY | O_RDWR | O_CREAT)) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  REAL(int, "open64", const char *, int, ...);
  return closed(path, flags & (O_WRONLY | O_RDWR | O_CREAT)) ? -1 : real(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int found = real(clock, now);
  if (!found && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += control->clock;
  return found;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
