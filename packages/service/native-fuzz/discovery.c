/*
 * Hostile commands, answers and lists for discovery at the nodes of Memcached. The library's functions have other names here: the sanitizers
 * have functions of those names themselves.
 */
#define memchr larder_memchr
#define sendmsg larder_sendmsg
#define close larder_close
#include "../native/larder-discovery.c"
#undef memchr
#undef sendmsg
#undef close

#include "fuzz.h"

static char list_file[64];

static int takes; /* so many bytes takes TLS of what it is given; less than one: nothing */
static int write_tls(void *ssl, const void *bytes, int count) {
    (void)ssl;
    unsigned sum = 0;
    for (int i = 0; i < count; i++) sum += ((const unsigned char *)bytes)[i];
    return takes == 0 ? -1 : count + (sum == ~0u);
}
static void free_tls(void *ssl) { (void)ssl; }

static void *real_memchr(const void *from, int what, size_t length) {
    const unsigned char *bytes = from;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == (unsigned char)what) return (void *)(uintptr_t)(bytes + i);
    return NULL;
}

static void write_list(void) {
    static char bytes[20000];
    size_t size = any(3) == 0 ? any(sizeof bytes) : any(200);
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(any(4) == 0 ? '0' + any(10) : any(256));
    int to = open(list_file, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    if (to < 0 || write(to, bytes, size) != (ssize_t)size) abort();
    next_close(to);
}

static size_t write_lines(unsigned char *into, uint32_t count) {
    static const char *const lines[] = {"config get cluster",
                                        "get AmazonElastiCache:cluster",
                                        "gets AmazonElastiCache:cluster",
                                        "config get cluster  \r",
                                        "config get clusters",
                                        "get AmazonElastiCache:cluster x",
                                        "config g",
                                        "get x",
                                        ""};
    size_t length = 0;
    for (; count > 0; count--) length += (size_t)sprintf((char *)into + length, "%s\r\n", lines[any(sizeof lines / sizeof *lines)]);
    return length;
}

/* As the engine looks for the end of each command. */
static void commands_once(uint64_t seed) {
    unsigned char text[1024];
    size_t size = write_lines(text, any(12));
    if (any(2) == 0) spoil(text, size);
    unsigned char *bytes = room(size);
    memcpy(bytes, text, size);
    size_t at = 0;
    for (;;) {
        const unsigned char *expected = real_memchr(text + at, '\n', size - at);
        const unsigned char *end = larder_memchr(bytes + at, '\n', size - at);
        expect((expected == NULL) == (end == NULL), "a line ends elsewhere", seed);
        if (end == NULL) break;
        expect(expected - text == end - bytes, "a line ends elsewhere", seed);
        size_t line = (size_t)(end - bytes) - at;
        char letter = question_in((const char *)text + at, line);
        expect(letter != 0 || memcmp(text + at, bytes + at, line) == 0, "what is no question was changed", seed);
        at += line + 1;
    }
    free(bytes);
}

static size_t write_mark(char *into) {
    memcpy(into, heads[any(2)], HEAD);
    into[HEAD] = "cgsx"[any(4)];
    memcpy(into + HEAD + 1, secret, SECRET);
    memcpy(into + HEAD + 1 + SECRET, "\r\n", 2);
    return MARK;
}

/* Answers of the engine, in parts; some of them are to questions. */
static void answers_once(uint64_t seed) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) abort();
    struct iovec parts[6];
    size_t count = 1 + any(5);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        size_t size = any(3) == 0 ? write_mark(text) : any(40);
        for (size_t at = 0; size != MARK && at < size; at++) text[at] = (char)any(256);
        if (any(4) == 0) spoil((unsigned char *)text, size);
        parts[i] = (struct iovec){room(size), size};
        memcpy(parts[i].iov_base, text, size);
    }
    asked = any(3);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    static char drained[65536];
    for (int turn = 0; turn < 4; turn++) {
        size_t whole = 0;
        for (size_t i = 0; i < message.msg_iovlen; i++) whole += message.msg_iov[i].iov_len;
        ssize_t sent = larder_sendmsg(ends[0], &message, MSG_NOSIGNAL);
        expect(sent <= (ssize_t)whole, "more is said to be sent than was asked for", seed);
        if (read(ends[1], drained, any(2) == 0 ? 10 : sizeof drained) < 0 && errno != EAGAIN) abort();
        if (sent <= 0 || message.msg_iovlen < 2) continue;
        if ((size_t)sent == message.msg_iov->iov_len) {
            message.msg_iov++;
            message.msg_iovlen--;
        }
    }
    larder_close(ends[0]);
    next_close(ends[1]);
    expect(rests == NULL, "an answer is kept for a connection that has ended", seed);
    for (size_t i = 0; i < count; i++) free(parts[i].iov_base);
}

static void tls_once(uint64_t seed) {
    char text[512];
    size_t size = 0;
    for (uint32_t left = any(8); left > 0; left--) {
        if (any(2) == 0) size += write_mark(text + size);
        else
            for (uint32_t more = any(20); more > 0; more--) text[size++] = (char)any(256);
    }
    if (any(2) == 0) spoil((unsigned char *)text, size);
    if (size > 0 && any(2) == 0) size -= any((uint32_t)size);
    char *bytes = (char *)room(size);
    memcpy(bytes, text, size);
    asked = 1 + any(3);
    int ssl;
    for (size_t at = 0, turns = 0; at < size && turns < 200; turns++) {
        takes = any(4) > 0;
        unsigned before = asked;
        int sent = SSL_write(&ssl, bytes + at, (int)(size - at));
        expect(sent <= (int)(size - at), "more is said to be sent than was given", seed);
        if (before == 0) asked = 0;
        if (sent > 0) at += (size_t)sent;
    }
    SSL_free(&ssl);
    expect(rests == NULL && retries == NULL, "something is kept for a connection that has ended", seed);
    free(bytes);
}

static void once(uint64_t seed) {
    if (any(16) == 0) write_list();
    commands_once(seed);
    answers_once(seed);
    tls_once(seed);
}

int main(int count, char **arguments) {
    next_memchr = real_memchr;
    next_ssl_write = write_tls;
    next_ssl_free = free_tls;
    snprintf(list_file, sizeof list_file, "discovery-%d.list", (int)getpid());
    file = list_file;
    write_list();
    int result = run_all(count, arguments, once);
    unlink(list_file);
    return result;
}
