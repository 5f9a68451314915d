/* What the programs share that throw hostile input at the libraries: chance that can be repeated, and input made by it. */
#ifndef LARDER_FUZZ_H
#define LARDER_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t chance = 1;

static uint32_t any(uint32_t below) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return below == 0 ? 0 : (uint32_t)((chance >> 11) % below);
}

/* Of exactly this size, so that every byte beyond it is seen to be one. */
static unsigned char *room(size_t size) {
    unsigned char *bytes = malloc(size == 0 ? 1 : size);
    if (bytes == NULL) abort();
    return bytes;
}

/* Changes some bytes, most often into what counts in one of the protocols. */
static void spoil(unsigned char *bytes, size_t size) {
    static const char telling[] = "*$+-:\r\n 0123456789\0\xff#\xc0";
    for (uint32_t times = any(4); size > 0 && times > 0; times--)
        bytes[any((uint32_t)size)] = any(3) == 0 ? (unsigned char)any(256) : (unsigned char)telling[any(sizeof telling - 1)];
}

static void expect(int holds, const char *what, uint64_t seed) {
    if (holds) return;
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
    abort();
}

/* `program <first seed> <seconds>`: each seed is a case of its own. */
static int run_all(int count, char **arguments, void (*once)(uint64_t seed)) {
    uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1, cases = 0;
    double seconds = count > 2 ? strtod(arguments[2], NULL) : 1;
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        chance = seed * 0x9e3779b97f4a7c15u | 1;
        for (int i = 0; i < 4; i++) any(2);
        once(seed++);
        cases++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9 < seconds);
    printf("%llu cases\n", (unsigned long long)cases);
    return 0;
}

#endif
