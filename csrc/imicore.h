/* The reader of imicore for programs in C and C++: a grey frame in, the payloads of its Data Matrix
 * symbols out (ISO/IEC 16022 ECC 200, rectangles and the DMRE sizes of ISO/IEC 21471 included).
 *
 * C99, nothing but libimicore.so to link. `make lib` builds it; samples/c/read_indicium.c is a
 * whole program; docs/integrators.md is the guide.
 *
 *     imi_reader *reader = imi_reader_create();
 *     imi_reading reading;
 *     size_t count;
 *     imi_status status =
 *         imi_reader_read(reader, pixels, width, height, stride, NULL, &reading, 1, &count);
 *
 * Threads: a reader serves one thread at a time; any number of readers serve any number of threads.
 * A reader that is in use answers IMI_BUSY. Nothing else is shared but constant tables.
 *
 * Memory: a reader keeps its scratch memory. A frame like one that it has read before, of the same
 * size and as hard to read, allocates nothing.
 *
 * Errors: no C++ exception leaves the library. Whoever passes bad arguments is told so by the
 * status, and in words by imi_reader_error. A frame without a readable symbol is no error.
 *
 * Repeatable: the same library, frame and options give the same answer, in every thread and
 * whatever was read before, unless budget_ms is set. The environment variable IMI_ISA=portable
 * turns the AVX2 kernels off, with the same answers. */
#ifndef IMICORE_H
#define IMICORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; imi_version() is that of the library. A library serves programs that
 * were compiled with an older header of the same IMI_VERSION_MAJOR. */
#define IMI_VERSION_MAJOR 0
#define IMI_VERSION_MINOR 1
#define IMI_VERSION_PATCH 0

#define IMI_MAX_PIXELS 12000000 /* width * height of a frame */
#define IMI_MAX_PAYLOAD 3128    /* bytes; the most that any symbol holds is 3123 */

typedef enum imi_status {
    IMI_OK = 0,
    IMI_BAD_ARGUMENT = 1,  /* an argument is out of its range; imi_reader_error says which */
    IMI_NO_SUCH_SIZE = 2,  /* options->sizes names none of the 48 symbol sizes */
    IMI_OUT_OF_MEMORY = 3, /* the reader is whole and may be used again */
    IMI_BUSY = 4,          /* the reader is reading: in another thread, or below this `accept` */
    IMI_INTERNAL = 5       /* a mistake of the library, or a C++ exception out of `accept` */
} imi_status;

typedef enum imi_symbology { IMI_DATA_MATRIX = 1 } imi_symbology;

/* One symbol that was read; 3,248 bytes, the payload whole, so that nothing has to be freed. */
typedef struct imi_reading {
    /* x, y of: the corner of the finder L, the far end of its upright leg, the opposite corner, the
     * far end of its lower leg. Pixels of the frame, also with a roi; its top left pixel covers
     * (0, 0) to (1, 1). Clockwise on the picture unless mirrored. */
    float corners[8];
    float agreement;          /* of finder and timing with what they should be: 1 all, 0 chance */
    int32_t symbology;        /* imi_symbology */
    int32_t rows, columns;    /* of modules, finder included: 8 to 144 */
    int32_t errors_corrected; /* codewords */
    uint8_t mirrored;         /* 1 when the symbol stands as in a mirror */
    uint8_t inverted;         /* 1 when it is light on dark */
    uint8_t reserved[62];     /* 0; later fields take their room */
    uint32_t payload_length;  /* bytes */
    uint8_t payload[IMI_MAX_PAYLOAD];
} imi_reading;

/* Something with the finder and timing of a symbol that could not be read. */
typedef struct imi_suspect {
    float corners[8]; /* as in imi_reading */
    float agreement;  /* as in imi_reading */
} imi_suspect;

typedef struct imi_size {
    int32_t rows, columns; /* of modules, finder included */
} imi_size;

typedef struct imi_roi {
    int32_t x, y, width, height; /* pixels */
} imi_roi;

/* Returns non-zero to accept a payload; after 0 the search goes on. The bytes live as long as the
 * call. It may use any reader but the one that calls, and must come back: no longjmp. */
typedef int (*imi_accept)(const uint8_t* payload, size_t length, void* user);

/* How to read. Fill it with imi_read_options_init, then change what should differ. Fields are only
 * ever added at the end; `size` tells the library how many the caller knows. */
typedef struct imi_read_options {
    size_t size;           /* sizeof(imi_read_options) */
    int32_t limit;         /* symbols at most, 0 for as many as `out` holds */
    int32_t effort;        /* units of work at most, about 10 us each; 0 for the default */
    double budget_ms;      /* stop after so many milliseconds, 0 for never; below 1e9 */
    imi_roi roi;           /* look only there; all 0 for the whole frame */
    const imi_size* sizes; /* read only these; NULL for all 48. Fewer is faster and surer */
    size_t size_count;     /* of `sizes`, 0 to 48 */
    imi_accept accept;     /* may refuse payloads, as by their signature; NULL accepts all */
    void* user;            /* handed to `accept` */
} imi_read_options;

typedef struct imi_reader imi_reader;

/* Returns the library's version, as "0.1.0". */
const char* imi_version(void);

/* Returns what a status means: English, one line, never NULL, lives for ever. */
const char* imi_status_text(imi_status status);

/* Writes the defaults: read one symbol or as many as `out` holds, any size, the whole frame, the
 * default effort, no time limit. `options` NULL does nothing. Always call it through
 * imi_read_options_init: it passes the size that the caller was compiled with. */
void imi_read_options_init_sized(imi_read_options* options, size_t size);
#define imi_read_options_init(options) \
    imi_read_options_init_sized((options), sizeof(imi_read_options))

/* Returns a reader, or NULL when memory is short. About 1 KiB; its scratch memory grows to a few
 * times the frame's pixels with the first reads. */
imi_reader* imi_reader_create(void);

/* Frees a reader that no thread is using; NULL does nothing. */
void imi_reader_destroy(imi_reader* reader);

/* Reads the symbols of a frame, in the order found, and returns IMI_OK also when there is none.
 *
 * reader    in use by no other thread
 * pixels    height rows of width bytes, 0 = black; not written, not kept after the call. NULL only
 *           for an empty frame
 * width     pixels, 0 or more; width * height at most IMI_MAX_PIXELS
 * height    pixels, 0 or more
 * stride    bytes from the beginning of a row to that of the next, at least width
 * options   NULL for the defaults
 * out       room for `capacity` readings; the first *count are written, the others untouched
 * capacity  1 or more
 * count     set to the number of symbols read, 0 to capacity; to 0 with every status but IMI_OK
 *
 * A reading is given only when its error codewords, in the small sizes along with finder and
 * timing, prove it. Made for 3.2 to 12 pixels a module.
 *
 * Returns IMI_BAD_ARGUMENT, IMI_NO_SUCH_SIZE, IMI_OUT_OF_MEMORY, IMI_BUSY, IMI_INTERNAL. */
imi_status imi_reader_read(imi_reader* reader, const uint8_t* pixels, int32_t width, int32_t height,
                           size_t stride, const imi_read_options* options, imi_reading* out,
                           size_t capacity, size_t* count);

/* Writes the likeliest symbol that the last read could not decode, and sets *found to 1; or sets
 * *found to 0 and leaves `out`. Tells a ruined symbol from bare paper.
 *
 * Returns IMI_BAD_ARGUMENT when an argument is NULL, IMI_BUSY. */
imi_status imi_reader_suspect(imi_reader* reader, imi_suspect* out, int* found);

/* Returns in words why the last call with this reader did not return IMI_OK: the argument, its
 * amount, the limit. "" after IMI_OK; lives until the next call with the reader. IMI_BUSY leaves it
 * as it was, since it belongs to the thread that reads. */
const char* imi_reader_error(const imi_reader* reader);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
