/* Writes down what a process does to the files of one folder, in order, for `recorded.py`.
 *
 * LD_PRELOAD this library with RECORD_FOLDER (an absolute path) and RECORD_LOG set. Each entry is
 * one line of text, then the bytes written, if any:
 *
 *   op file other offset length\n<bytes>
 *
 *   w write   t truncate to offset   s file synced   d directory synced
 *   c created   r renamed to other   l linked as other   u unlinked   m directory made   x an
 * operation we cannot replay
 *
 * The path of a descriptor is read from /proc/self/fd when it is used, so that none is kept here
 * that could grow stale. Writes through mmap and io_uring are not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static size_t folder_length;
static int log_fd = -1;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int real_open(const char* path, int flags, mode_t mode) {
    REAL(open);
    return real(path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("RECORD_FOLDER"), *log = getenv("RECORD_LOG");
    if (!where || !log || !realpath(where, folder)) return;
    folder_length = strlen(folder);
    log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name inside the folder, "." for the folder itself; NULL where the path lies outside. */
static const char* inside(const char* path) {
    if (strncmp(path, folder, folder_length)) return NULL;
    if (path[folder_length] == '\0') return ".";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/* As `inside`, for a path that a program gave: its directory is resolved, its last part is not. */
static const char* named(int at, const char* path, char* full) {
    char start[PATH_MAX] = "", joined[2 * PATH_MAX], resolved[PATH_MAX];
    if (log_fd < 0 || !path) return NULL;
    if (path[0] != '/') {
        if (at == AT_FDCWD) {
            if (!getcwd(start, sizeof start)) return NULL;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t length = readlink(link, start, sizeof start - 1);
            if (length < 0) return NULL;
            start[length] = '\0';
        }
    }
    snprintf(joined, sizeof joined, "%s/%s", start, path);
    char* last = strrchr(joined, '/');
    *last = '\0';
    if (!realpath(*joined ? joined : "/", resolved)) return NULL;
    if (snprintf(full, 2 * PATH_MAX, "%s/%s", resolved, last + 1) < 0) return NULL;
    return inside(full);
}

static const char* of_fd(int fd, char* full) {
    char link[64];
    if (log_fd < 0 || fd == log_fd) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, full, PATH_MAX - 1);
    if (length <= 0 || full[0] != '/') return NULL;
    full[length] = '\0';
    return inside(full);
}

static void note(char op, const char* file, const char* other, long long offset, const void* bytes,
                 size_t length) {
    char line[2 * PATH_MAX + 64];
    int saved = errno;
    int size = snprintf(line, sizeof line, "%c %s %s %lld %zu\n", op, file, other, offset, length);
    struct iovec parts[2] = {{line, (size_t)size}, {(void*)bytes, length}};
    REAL(writev);
    pthread_mutex_lock(&one_at_a_time);
    if (real(log_fd, parts, length ? 2 : 1) != (ssize_t)(size + length)) abort();
    pthread_mutex_unlock(&one_at_a_time);
    errno = saved;
}

static void opened(int fd, const char* file, int flags, int existed) {
    if (fd < 0 || !file) return;
    if (!existed && (flags & O_CREAT)) note('c', file, "-", 0, NULL, 0);
    if (existed && (flags & O_TRUNC)) note('t', file, "-", 0, NULL, 0);
    if (flags & O_DSYNC) note('x', file, "O_DSYNC", 0, NULL, 0); /* O_SYNC has this bit too */
}

#define OPEN(name, parameters, at, call)                                       \
    int name parameters {                                                      \
        char full[2 * PATH_MAX];                                               \
        mode_t mode = 0;                                                       \
        if (flags & (O_CREAT | O_TMPFILE)) {                                   \
            va_list more;                                                      \
            va_start(more, flags);                                             \
            mode = va_arg(more, mode_t);                                       \
            va_end(more);                                                      \
        }                                                                      \
        const char* file = named(at, path, full);                              \
        int existed = file && !faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW); \
        REAL(name);                                                            \
        int fd = real call;                                                    \
        opened(fd, file, flags, existed);                                      \
        return fd;                                                             \
    }
OPEN(open, (const char* path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char* path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int at, const char* path, int flags, ...), at, (at, path, flags, mode))
OPEN(openat64, (int at, const char* path, int flags, ...), at, (at, path, flags, mode))

#define POSITIONED(name, type)                                            \
    ssize_t name(int fd, const void* bytes, size_t length, type offset) { \
        char full[PATH_MAX];                                              \
        REAL(name);                                                       \
        ssize_t done = real(fd, bytes, length, offset);                   \
        const char* file = done > 0 ? of_fd(fd, full) : NULL;             \
        if (file) note('w', file, "-", offset, bytes, (size_t)done);      \
        return done;                                                      \
    }
POSITIONED(pwrite, off_t)
POSITIONED(pwrite64, off64_t)

ssize_t write(int fd, const void* bytes, size_t length) {
    char full[PATH_MAX];
    REAL(write);
    ssize_t done = real(fd, bytes, length);
    const char* file = done > 0 ? of_fd(fd, full) : NULL;
    if (file) note('w', file, "-", lseek(fd, 0, SEEK_CUR) - done, bytes, (size_t)done);
    return done;
}

static int synced(int fd, int result) {
    char full[PATH_MAX];
    struct stat about;
    const char* file = result == 0 ? of_fd(fd, full) : NULL;
    if (file && !fstat(fd, &about)) note(S_ISDIR(about.st_mode) ? 'd' : 's', file, "-", 0, NULL, 0);
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    return synced(fd, real(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return synced(fd, real(fd));
}

#define TRUNCATE(name, type)                                     \
    int name(int fd, type length) {                              \
        char full[PATH_MAX];                                     \
        REAL(name);                                              \
        int result = real(fd, length);                           \
        const char* file = result == 0 ? of_fd(fd, full) : NULL; \
        if (file) note('t', file, "-", length, NULL, 0);         \
        return result;                                           \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* The device writes its files' bytes and allocates none ahead; what it did not do is not replayed.
 */
#define UNKNOWN(name, result, parameters, call, fd)            \
    result name parameters {                                   \
        char full[PATH_MAX];                                   \
        REAL(name);                                            \
        result done = real call;                               \
        const char* file = done >= 0 ? of_fd(fd, full) : NULL; \
        if (file) note('x', file, #name, 0, NULL, 0);          \
        return done;                                           \
    }
UNKNOWN(fallocate, int, (int fd, int mode, off_t at, off_t length), (fd, mode, at, length), fd)
UNKNOWN(writev, ssize_t, (int fd, const struct iovec* parts, int count), (fd, parts, count), fd)
UNKNOWN(pwritev, ssize_t, (int fd, const struct iovec* parts, int count, off_t at),
        (fd, parts, count, at), fd)
UNKNOWN(copy_file_range, ssize_t,
        (int in, off64_t* from, int fd, off64_t* to, size_t length, unsigned flags),
        (in, from, fd, to, length, flags), fd)

#define RENAME(op, name, parameters, from_at, to_at, call)                                      \
    int name parameters {                                                                       \
        char from_full[2 * PATH_MAX], to_full[2 * PATH_MAX];                                    \
        const char *old = named(from_at, from, from_full), *new = named(to_at, to, to_full);    \
        REAL(name);                                                                             \
        int result = real call;                                                                 \
        if (result == 0 && (old || new))                                                        \
            note(old && new ? op : 'x', old ? old : new, old && new ? new : #name, 0, NULL, 0); \
        return result;                                                                          \
    }
RENAME('r', rename, (const char* from, const char* to), AT_FDCWD, AT_FDCWD, (from, to))
RENAME('r', renameat, (int from_at, const char* from, int to_at, const char* to), from_at, to_at,
       (from_at, from, to_at, to))
RENAME('l', link, (const char* from, const char* to), AT_FDCWD, AT_FDCWD, (from, to))
RENAME('l', linkat, (int from_at, const char* from, int to_at, const char* to, int flags), from_at,
       to_at, (from_at, from, to_at, to, flags))

#define NAME(op, name, parameters, at, call)                      \
    int name parameters {                                         \
        char full[2 * PATH_MAX];                                  \
        const char* file = named(at, path, full);                 \
        REAL(name);                                               \
        int result = real call;                                   \
        if (result == 0 && file) note(op, file, "-", 0, NULL, 0); \
        return result;                                            \
    }
NAME('u', unlink, (const char* path), AT_FDCWD, (path))
NAME('u', unlinkat, (int at, const char* path, int flags), at, (at, path, flags))
NAME('m', mkdir, (const char* path, mode_t mode), AT_FDCWD, (path, mode))
NAME('m', mkdirat, (int at, const char* path, mode_t mode), at, (at, path, mode))
