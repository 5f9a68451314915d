/* Hostile input for the way in of control: whatever comes, in whatever pieces, and whatever the engine answers. */
#include "../native/larder-control.c"

#include "engine.h"

struct Reply {
    char *bytes;
    size_t length;
};

static unsigned calls;
static int may_lack;
static const Text *seen[4];
static int seen_count;

/* An answer of the engine: of the time for scripts as it looks, else by chance. */
static Reply *answer(Context *own, const char *name, const char *format, ...) {
    (void)own;
    /* What control has asked for, and not what the module asks for itself. */
    if (format[0] != 'E' || format[1] != 'c') calls++;
    if (strlen(name) >= 32) abort();
    if (any(16) == 0) return NULL;
    static const char threshold[] = "*2\r\n$20\r\nbusy-reply-threshold\r\n$4\r\n5000\r\n";
    Reply *reply = malloc(sizeof *reply);
    reply->length = any(3) == 0 ? any(64) : sizeof threshold - 1;
    reply->bytes = (char *)room(reply->length);
    for (size_t i = 0; i < reply->length; i++) reply->bytes[i] = threshold[i % (sizeof threshold - 1)];
    spoil((unsigned char *)reply->bytes, reply->length);
    return reply;
}
static const char *proto(Reply *reply, size_t *length) {
    *length = reply->length;
    return may_lack && any(32) == 0 ? NULL : reply->bytes;
}
static void free_reply(Reply *reply) {
    free(reply->bytes);
    free(reply);
}
static int no_events(int descriptor, int mask) {
    (void)descriptor;
    (void)mask;
    return OK;
}
static int add_events(int descriptor, int mask, Ready ready, void *data) {
    (void)ready;
    (void)data;
    return no_events(descriptor, mask);
}
static int count_words(Filtered *filtered) {
    (void)filtered;
    return seen_count;
}
static const Text *word_of(Filtered *filtered, int at) {
    (void)filtered;
    return seen[at];
}
static int replace_word(Filtered *filtered, int at, Text *text) {
    (void)filtered;
    free_text(NULL, (Text *)(uintptr_t)seen[at]);
    seen[at] = text;
    return OK;
}

/* Commands that are allowed, and some that are not, as they are written. */
static size_t write_commands(unsigned char *into, unsigned count) {
    static const char *const words[] = {"PING", "acl", "SETUSER",  "CONFIG", "GET", "SCRIPT", "KILL", "shutdown",
                                        "NOSAVE", "FLUSHALL", "function", "info", "",    "cluster", "nodes", "client"};
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned size = 1 + any(4);
        length += (size_t)sprintf((char *)into + length, "*%u\r\n", size);
        for (unsigned word = 0; word < size; word++) {
            const char *text = words[any(sizeof words / sizeof *words)];
            length += (size_t)sprintf((char *)into + length, "$%zu\r\n%s\r\n", strlen(text), text);
        }
    }
    return length;
}

/* In pieces of at most so many bytes. What was called, or that it was dropped. */
static unsigned feed(const unsigned char *bytes, size_t size, uint32_t largest, int flags, uint64_t seed) {
    Peer peer = {.descriptor = -1};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) abort();
    peer.descriptor = ends[0];
    unsigned before = calls;
    int kept = OK;
    /* Whether control insists is left over by the one before, and decides what is called. */
    insists_until = 0;
    script_time[0] = 0;
    for (size_t at = 0; at < size && kept == OK;) {
        size_t piece = 1 + any(largest);
        if (piece > size - at) piece = size - at;
        kept = append(&peer.in, (const char *)bytes + at, piece, LONGEST_INPUT);
        if (kept == OK) kept = serve(&peer, flags);
        at += piece;
    }
    if (kept == OK) expect(peer.in.have <= size, "more is left than came", seed);
    free(peer.in.bytes);
    free(peer.out.bytes);
    close(ends[0]);
    close(ends[1]);
    return kept == OK ? calls - before : ~0u;
}

static void filter_once(void) {
    static const char *const names[] = {"EVAL", "evalsha_ro", "FCALL", "get", "EXEC", "", "e", "fcall_roo"};
    seen_count = (int)any(5);
    for (int i = 0; i < seen_count; i++) {
        const char *name = names[any(sizeof names / sizeof *names)];
        seen[i] = create(NULL, name, strlen(name));
        spoil((unsigned char *)seen[i]->bytes, seen[i]->length);
    }
    insists_until = any(2);
    on_command(NULL);
    for (int i = 0; i < seen_count; i++) free_text(NULL, (Text *)(uintptr_t)seen[i]);
}

static void once(uint64_t seed) {
    static const int states[] = {0, SCRIPT_RUNS, DATA_LOADS, LOADS_ASIDE, SCRIPT_RUNS | DATA_LOADS};
    unsigned char written[4096];
    size_t size = write_commands(written, any(8));
    int is_spoiled = any(3) > 0;
    may_lack = any(2) == 0;
    unsigned char *bytes = room(size);
    memcpy(bytes, written, size);
    if (is_spoiled) spoil(bytes, size);
    if (any(4) == 0 && size > 0) size -= any((uint32_t)size);
    int state = states[any(sizeof states / sizeof *states)];
    unsigned whole = feed(bytes, size, (uint32_t)size + 1, state, seed);
    /* The same in pieces. With a script that runs it counts when it comes. */
    if (state == 0 && !may_lack) expect(feed(bytes, size, 3, state, seed) == whole, "pieces are read otherwise than the whole", seed);
    if (insists_until != 0 && any(2) == 0) insist_no_more();
    insists_until = 0;
    script_time[0] = 0;
    free(bytes);
    filter_once();
}

int main(int count, char **arguments) {
    CreateString = create;
    FreeString = free_text;
    StringPtrLen = pointer;
    Call = answer;
    CallReplyProto = proto;
    FreeCallReply = free_reply;
    EventLoopAdd = add_events;
    EventLoopDel = no_events;
    CommandFilterArgsCount = count_words;
    CommandFilterArgGet = word_of;
    CommandFilterArgReplace = replace_word;
    return run_all(count, arguments, once);
}
