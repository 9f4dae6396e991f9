// Loaded into the ranks of chaos.py with LD_PRELOAD. The CHAOS_CALL-th call by which rank CHAOS_RANK changes a file below
// CHAOS_FOLDER does what CHAOS_DO says:
//   kill   the process ends there by SIGKILL          error  it fails once, as on a broken disk (EIO)
//   hang   it never returns                           full   it writes a part, and this and all later ones fail (ENOSPC)
//   clock  from then on the clock is a day off (CHAOS_CALL odd: late, even: early)
//   count  nothing; the number of calls is printed at the end
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *folder, *deed;
static long moment;
static atomic_long calls;
static atomic_int is_full, is_shifted;

__attribute__((constructor)) static void begin(void) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *chosen = getenv("CHAOS_RANK");
  deed = getenv("CHAOS_DO");
  if (deed == NULL || strcmp(program_invocation_short_name, "factsweep") != 0) return;
  if (strcmp(deed, "count") != 0 && strcmp(rank ? rank : "0", chosen) != 0) return;
  folder = getenv("CHAOS_FOLDER");
  moment = atol(getenv("CHAOS_CALL"));
}

__attribute__((destructor)) static void end(void) {
  if (folder && strcmp(deed, "count") == 0) fprintf(stderr, "chaos: %ld calls\n", atomic_load(&calls));
}

// 0: go on; else the error of a call that changes `path`.
static int strike(const char *path) {
  if (folder == NULL || strncmp(path, folder, strlen(folder)) != 0) return 0;
  if (is_full) return ENOSPC;
  if (atomic_fetch_add(&calls, 1) + 1 != moment) return 0;
  if (strcmp(deed, "kill") == 0) raise(SIGKILL);
  while (strcmp(deed, "hang") == 0) pause();
  if (strcmp(deed, "clock") == 0) is_shifted = 1;
  if (strcmp(deed, "full") == 0) is_full = 1;
  return is_full ? ENOSPC : strcmp(deed, "error") == 0 ? EIO : 0;
}

static int strike_file(int descriptor) {
  char link[64], path[PATH_MAX];
  if (folder == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strike(path);
}

// A disk that is full still renames and removes.
static int strike_name(const char *path) {
  const int why = strike(path);
  return why == ENOSPC ? 0 : why;
}

#define REAL(name) ({ static typeof(&name) real; if (real == NULL) real = (typeof(&name))dlsym(RTLD_NEXT, #name); real; })
#define FAIL(why) do { const int failed = (why); if (failed) { errno = failed; return -1; } } while (0)

// the part that still fits, once
static int is_part(int why, size_t bytes) { return why == ENOSPC && bytes > 1 && atomic_fetch_add(&is_full, 1) == 1; }

ssize_t write(int file, const void *data, size_t bytes) {
  const int why = strike_file(file);
  if (is_part(why, bytes)) return REAL(write)(file, data, bytes / 2);
  FAIL(why);
  return REAL(write)(file, data, bytes);
}
ssize_t pwrite(int file, const void *data, size_t bytes, off_t at) {
  const int why = strike_file(file);
  if (is_part(why, bytes)) return REAL(pwrite)(file, data, bytes / 2, at);
  FAIL(why);
  return REAL(pwrite)(file, data, bytes, at);
}
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at) { return pwrite(file, data, bytes, at); }
ssize_t writev(int file, const struct iovec *parts, int count) { FAIL(strike_file(file)); return REAL(writev)(file, parts, count); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  FAIL(strike_file(file));
  return REAL(pwritev)(file, parts, count, at);
}
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) { return pwritev(file, parts, count, at); }
int ftruncate(int file, off_t size) { FAIL(strike_file(file)); return REAL(ftruncate)(file, size); }
int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }
int posix_fallocate(int file, off_t at, off_t size) {
  const int why = strike_file(file);
  return why ? why : REAL(posix_fallocate)(file, at, size);
}
int posix_fallocate64(int file, off64_t at, off64_t size) { return posix_fallocate(file, at, size); }
int fsync(int file) { FAIL(strike_file(file)); return REAL(fsync)(file); }
int rename(const char *from, const char *to) { FAIL(strike_name(to)); return REAL(rename)(from, to); }
int unlink(const char *path) { FAIL(strike_name(path)); return REAL(unlink)(path); }
int remove(const char *path) { FAIL(strike_name(path)); return REAL(remove)(path); }

static long shift(void) { return is_shifted ? (moment % 2 ? 86400 : -86400) : 0; }
int clock_gettime(clockid_t clock, struct timespec *now) {
  const int failed = REAL(clock_gettime)(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += shift();
  return failed;
}
time_t time(time_t *now) {
  const time_t shifted = REAL(time)(NULL) + shift();
  if (now) *now = shifted;
  return shifted;
}
