/* LD_PRELOAD library: a file system that fails, or does not offer something.
 *
 * FAULT_FS  "CALL[,CALL]=ERRNO[@PART]; …": these calls fail with the errno of that number, on paths that contain PART (on
 *           all without one). A path is what the caller gave, or what its descriptor was opened as. Calls: open (of
 *           files), folder (open of folders), list (readdir), stat, read, flush (fsync, fdatasync), lock (flock), rename,
 *           unlink, chmod, truncate, and close, which does close.
 * FAULT_FS_NUMBERS  stat and fstat tell another inode number each time. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The errno that `call` fails with on `path`; 0: it does not. */
static int fault(const char* call, const char* path) {
  const char* rules = getenv("FAULT_FS");
  char copy[4096], *rule, *rest = copy;
  if (rules == NULL || strlen(rules) >= sizeof copy) return 0;
  strcpy(copy, rules);
  while ((rule = strsep(&rest, ";")) != NULL) {
    char *calls = strsep(&rule, "="), *number = strsep(&rule, "@"), *one;
    if (number == NULL || (rule != NULL && strstr(path, rule) == NULL)) continue;
    while ((one = strsep(&calls, ",")) != NULL) {
      if (strcmp(one + strspn(one, " "), call) == 0) return atoi(number);
    }
  }
  return 0;
}

static int fault_of(const char* call, int file) {
  char link[64], path[4096] = "";
  const int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  return length < 0 ? 0 : fault(call, path);
}

#define FAIL_IF(found, value)      \
  do {                             \
    const int reason_ = (found);   \
    if (reason_ != 0) {            \
      errno = reason_;             \
      return value;                \
    }                              \
  } while (0)

static mode_t mode_of(int flags, va_list more) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0; }

#define OPEN(name)                                                                             \
  int name(const char* path, int flags, ...) {                                                 \
    va_list more;                                                                              \
    va_start(more, flags);                                                                     \
    const mode_t mode = mode_of(flags, more);                                                  \
    va_end(more);                                                                              \
    FAIL_IF(fault((flags & O_DIRECTORY) != 0 ? "folder" : "open", path), -1);                  \
    return NEXT(name)(path, flags, mode);                                                      \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                           \
  int name(int at, const char* path, int flags, ...) {                                         \
    va_list more;                                                                              \
    va_start(more, flags);                                                                     \
    const mode_t mode = mode_of(flags, more);                                                  \
    va_end(more);                                                                              \
    FAIL_IF(fault((flags & O_DIRECTORY) != 0 ? "folder" : "open", path), -1);                  \
    return NEXT(name)(at, path, flags, mode);                                                  \
  }
OPENAT(openat)
OPENAT(openat64)

DIR* opendir(const char* path) {
  FAIL_IF(fault("folder", path), NULL);
  return NEXT(opendir)(path);
}

/* The first entries come: a list that breaks off in the middle. */
#define READDIR(name, type)                          \
  type* name(DIR* folder) {                          \
    type* entry = NEXT(name)(folder);                \
    if (entry == NULL || entry->d_name[0] == '.') return entry; \
    FAIL_IF(fault_of("list", dirfd(folder)), NULL);  \
    return entry;                                    \
  }
READDIR(readdir, struct dirent)
READDIR(readdir64, struct dirent64)

#define STAT(name, type)                                                       \
  int name(const char* path, struct type* status) {                            \
    FAIL_IF(fault("stat", path), -1);                                          \
    const int result = NEXT(name)(path, status);                               \
    if (getenv("FAULT_FS_NUMBERS") != NULL) status->st_ino += (ino_t)rand();   \
    return result;                                                             \
  }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)

int fsync(int file) {
  FAIL_IF(fault_of("flush", file), -1);
  return NEXT(fsync)(file);
}

int fdatasync(int file) {
  FAIL_IF(fault_of("flush", file), -1);
  return NEXT(fdatasync)(file);
}

int flock(int file, int operation) {
  FAIL_IF(fault_of("lock", file), -1);
  return NEXT(flock)(file, operation);
}

int close(int file) {
  const int reason = fault_of("close", file);
  const int result = NEXT(close)(file);
  FAIL_IF(reason, -1);
  return result;
}

ssize_t read(int file, void* to, size_t count) {
  FAIL_IF(fault_of("read", file), -1);
  return NEXT(read)(file, to, count);
}

ssize_t pread(int file, void* to, size_t count, off_t at) {
  FAIL_IF(fault_of("read", file), -1);
  return NEXT(pread)(file, to, count, at);
}

int rename(const char* from, const char* to) {
  FAIL_IF(fault("rename", to), -1);
  return NEXT(rename)(from, to);
}

int unlink(const char* path) {
  FAIL_IF(fault("unlink", path), -1);
  return NEXT(unlink)(path);
}

int remove(const char* path) {
  FAIL_IF(fault("unlink", path), -1);
  return NEXT(remove)(path);
}

int chmod(const char* path, mode_t mode) {
  FAIL_IF(fault("chmod", path), -1);
  return NEXT(chmod)(path, mode);
}

int fchmod(int file, mode_t mode) {
  FAIL_IF(fault_of("chmod", file), -1);
  return NEXT(fchmod)(file, mode);
}

int ftruncate(int file, off_t length) {
  FAIL_IF(fault_of("truncate", file), -1);
  return NEXT(ftruncate)(file, length);
}
