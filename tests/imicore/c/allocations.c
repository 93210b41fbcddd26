/* Counts what the heap is asked for while the same frame is read again, with every option set.
 * Usage: allocations WIDTH HEIGHT PIXELS.raw LIMIT; prints "FIRST LATER READ": requests of the
 * first read and of all later ones, and the symbols of the last. glibc only: it lets a program
 * stand in for malloc. */
#include <stdio.h>
#include <stdlib.h>

#include "imicore.h"

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* at, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static long requests;

/* operator new of libstdc++ comes here too. */
void* malloc(size_t size) {
    requests++;
    return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
    requests++;
    return __libc_calloc(count, size);
}
void* realloc(void* at, size_t size) {
    requests++;
    return __libc_realloc(at, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
    requests++;
    return __libc_memalign(alignment, size);
}

static int accept_all(const uint8_t* payload, size_t length, void* user) {
    *(size_t*)user += length + payload[0];
    return 1;
}

int main(int argc, char** argv) {
    const int width = argc > 4 ? atoi(argv[1]) : 0, height = argc > 4 ? atoi(argv[2]) : 0;
    const size_t pixel_count = (size_t)width * (size_t)height;
    const imi_size sizes[2] = {{40, 40}, {36, 36}};
    static imi_reading readings[4];
    imi_read_options options;
    uint8_t* pixels = malloc(pixel_count);
    FILE* file = argc > 4 ? fopen(argv[3], "rb") : NULL;
    imi_reader* reader = imi_reader_create();
    size_t count = 0, sum = 0;
    long first, before;
    int i;
    if (file == NULL || pixels == NULL || fread(pixels, 1, pixel_count, file) != pixel_count)
        return 2;
    imi_read_options_init(&options);
    options.sizes = sizes;
    options.size_count = 2;
    options.limit = atoi(argv[4]);
    options.accept = accept_all;
    options.user = &sum;
    options.budget_ms = 1e6;
    before = requests;
    if (imi_reader_read(reader, pixels, width, height, (size_t)width, &options, readings, 4,
                        &count))
        return 3;
    first = requests - before;
    before = requests;
    for (i = 0; i < 5; i++) {
        if (imi_reader_read(reader, pixels, width, height, (size_t)width, &options, readings, 4,
                            &count))
            return 3;
    }
    before = requests - before;
    printf("%ld %ld %d\n", first, before, (int)count);
    imi_reader_destroy(reader);
    return 0;
}
