/* What an engine gives its modules, as far as the programs here need it: texts. Comes after the module. */
#ifndef LARDER_FUZZ_ENGINE_H
#define LARDER_FUZZ_ENGINE_H

#include "fuzz.h"

struct Text {
    char *bytes;
    size_t length;
};

static Text *create(Context *own, const char *bytes, size_t length) {
    (void)own;
    Text *text = malloc(sizeof *text);
    text->bytes = (char *)room(length);
    memcpy(text->bytes, bytes, length);
    text->length = length;
    return text;
}
static void free_text(Context *own, Text *text) {
    (void)own;
    free(text->bytes);
    free(text);
}
static const char *pointer(const Text *text, size_t *length) {
    *length = text->length;
    return text->bytes;
}

#endif
