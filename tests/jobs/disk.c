/* LD_PRELOAD library: a disk that is slow for checkpoints, and a record of what reaches it in which order.
 *
 * SLOW_DISK  bytes a second that a flush of a checkpoint gets done
 * DISK_TRACE  a file that gets a line "flush PATH" or "remove PATH" for each, in order */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void note(const char* what, const char* path) {
  const char* trace = getenv("DISK_TRACE");
  char line[4200];
  int length, file;
  if (trace == NULL) return;
  length = snprintf(line, sizeof line, "%s %s\n", what, path);
  file = open(trace, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file < 0 || write(file, line, (size_t)length) != length) abort();
  close(file);
}

static void flushed(int file) {
  static ino_t last_file;
  static off_t last_size;
  const char* rate = getenv("SLOW_DISK");
  char link[64], path[4096] = "";
  struct stat status;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  if (readlink(link, path, sizeof path - 1) < 0) return;
  note("flush", path);
  if (rate == NULL || strstr(path, "/checkpoint-") == NULL || fstat(file, &status) != 0) return;
  if (status.st_ino != last_file) last_size = 0;
  const double seconds = (double)(status.st_size - last_size) / atof(rate);
  const struct timespec pause = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  last_file = status.st_ino;
  last_size = status.st_size;
  nanosleep(&pause, NULL);
}

int fsync(int file) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  flushed(file);
  return next(file);
}

int fdatasync(int file) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  flushed(file);
  return next(file);
}

int remove(const char* path) {
  int (*next)(const char*) = (int (*)(const char*))dlsym(RTLD_NEXT, "remove");
  note("remove", path);
  return next(path);
}

int unlink(const char* path) {
  int (*next)(const char*) = (int (*)(const char*))dlsym(RTLD_NEXT, "unlink");
  note("remove", path);
  return next(path);
}
