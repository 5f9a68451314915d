/*
 * Discovery at the nodes of Memcached. The engine does not know `config get cluster`, which clients of AWS ask of every node. This library is
 * loaded before the engine's own (LD_PRELOAD) and answers that question from a file, without a process on the way of the data.
 *
 * - The engine looks for the end of each command with `memchr`, from the command's first byte on, and never inside a value. A question is
 *   replaced there, in place, by a command of the same length: to delete a key that nobody has, and to repeat in its answer a word that only this
 *   process knows. So the engine itself keeps answers in order, and asks for a login first where it has to. The name of the key is no secret:
 *   `watch fetchers` shows it, and whoever stores such a key loses it. The word is shown nowhere.
 * - Where the engine sends that answer, the list is sent instead.
 * - A list of which the socket takes only a part is kept until the rest is sent; the engine meanwhile waits as for any slow reader.
 * - The older question, `get AmazonElastiCache:cluster`, is answered likewise. So nothing that clients do to this key can be seen.
 *
 * The binary question (opcode 0x60) stays as the engine has it: it waits for bytes that never come after a command that it does not know.
 *
 * LARDER_DISCOVERY is the file: the version, a line break, the nodes, a line break.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))
#define OF_THREAD static __thread __attribute__((tls_model("initial-exec")))

enum {
    NAME = 5,
    SECRET = 7,
    /* "md ", the name, " O", a letter for the question, the secret: as long as "config get cluster". */
    COMMAND = 3 + NAME + 2 + 1 + SECRET,
    /* "NF O" or "HD O", the letter, the secret, a line break. */
    HEAD = 4,
    MARK = HEAD + 1 + SECRET + 2,
    LARGEST_LIST = 16384,
};
_Static_assert(COMMAND == sizeof "config get cluster" - 1, "a question is replaced in place");

static const char key[] = "AmazonElastiCache:cluster";

/* What TLS did not take yet: it wants the same number of bytes again. */
typedef struct Retry {
    struct Retry *next;
    const void *ssl;
    int count;
} Retry;

/* An answer of which a part has been sent, on a connection (its descriptor, or its TLS). */
typedef struct Rest {
    struct Rest *next;
    const void *connection;
    size_t length, sent;
    char bytes[];
} Rest;

static void *(*next_memchr)(const void *, int, size_t);
static ssize_t (*next_sendmsg)(int, const struct msghdr *, int);
static int (*next_close)(int);
static int (*next_ssl_write)(void *, const void *, int);
static void (*next_ssl_free)(void *);

static const char *file;
static char name[NAME], secret[SECRET];
/* Where the engine's own code lies: other libraries call `memchr` too. */
static uintptr_t code_from, code_to;

/* A connection belongs to one thread. */
OF_THREAD Rest *rests;
OF_THREAD Retry *retries;
OF_THREAD unsigned asked;

static int find_code(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        code_from = info->dlpi_addr + part->p_vaddr;
        code_to = code_from + part->p_memsz;
    }
    return 1; /* the program comes first */
}

static void resolve(void) {
    /* POSIX has functions behind pointers to objects; C has no cast for it. */
    *(void **)&next_memchr = dlsym(RTLD_NEXT, "memchr");
    *(void **)&next_sendmsg = dlsym(RTLD_NEXT, "sendmsg");
    *(void **)&next_close = dlsym(RTLD_NEXT, "close");
    *(void **)&next_ssl_write = dlsym(RTLD_NEXT, "SSL_write");
    *(void **)&next_ssl_free = dlsym(RTLD_NEXT, "SSL_free");
}

__attribute__((constructor)) static void begin(void) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    unsigned char bytes[NAME + SECRET];
    resolve();
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return;
    /* No text in UTF-8 has such bytes, so no key of an application is meant. */
    for (int i = 0; i < NAME; i++) name[i] = (char)(0xc0 | bytes[i]);
    for (int i = 0; i < SECRET; i++) secret[i] = letters[bytes[NAME + i] & 63];
    dl_iterate_phdr(find_code, NULL);
    file = getenv("LARDER_DISCOVERY");
}

/* ---- questions ---- */

/* A letter for the question that stands in this line; 0: none. */
static char question_in(const char *line, size_t length) {
    static const struct {
        const char *text;
        char letter;
    } questions[] = {
        {"config get cluster", 'c'},
        {"get AmazonElastiCache:cluster", 'g'},
        {"gets AmazonElastiCache:cluster", 's'},
    };
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\r')) length--;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (strlen(questions[i].text) == length && memcmp(line, questions[i].text, length) == 0) return questions[i].letter;
    }
    return 0;
}

static void replace(char *line, size_t length, char letter) {
    memcpy(line, "md ", 3);
    memcpy(line + 3, name, NAME);
    memcpy(line + 3 + NAME, " O", 2);
    line[3 + NAME + 2] = letter;
    memcpy(line + 3 + NAME + 2 + 1, secret, SECRET);
    while (length > COMMAND && line[length - 1] == '\r') length--;
    memset(line + COMMAND, ' ', length - COMMAND);
    asked++;
}

HOOK void *memchr(const void *from, int what, size_t length) {
    if (next_memchr == NULL) { /* before this library is set up */
        const unsigned char *bytes = from;
        for (size_t i = 0; i < length; i++)
            if (bytes[i] == (unsigned char)what) return (void *)(uintptr_t)(bytes + i);
        return NULL;
    }
    char *found = next_memchr(from, what, length);
    const char *line = from;
    if (what != '\n' || found == NULL || file == NULL) return found;
    size_t size = (size_t)(found - line);
    if (size < COMMAND || (memcmp(line, "config g", 8) != 0 && memcmp(line, "get Amaz", 8) != 0 && memcmp(line, "gets Ama", 8) != 0))
        return found;
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (caller < code_from || caller >= code_to) return found;
    char letter = question_in(line, size);
    if (letter != 0) replace((char *)(uintptr_t)line, size, letter);
    return found;
}

/* ---- answers ---- */

static size_t read_list(char *list) {
    int from = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0) return 0;
    size_t length = 0;
    while (length < LARGEST_LIST) {
        ssize_t more = read(from, list + length, LARGEST_LIST - length);
        if (more <= 0) break;
        length += (size_t)more;
    }
    next_close(from);
    return length;
}

/* What is sent to this question. Null: no memory. */
static Rest *answer_to(char letter) {
    Rest *rest = malloc(sizeof *rest + 256 + LARGEST_LIST);
    char *list = malloc(LARGEST_LIST);
    if (rest == NULL || list == NULL) {
        free(rest);
        free(list);
        return NULL;
    }
    size_t length = read_list(list);
    size_t head = 0;
    const char *end = "\r\nEND\r\n";
    if (length == 0) {
        end = letter == 'c' ? "ERROR\r\n" : "END\r\n";
    } else if (letter == 'c') {
        head = (size_t)sprintf(rest->bytes, "CONFIG cluster 0 %zu\r\n", length);
    } else if (letter == 's') {
        unsigned long long version = 0;
        for (size_t i = 0; i < length && list[i] >= '0' && list[i] <= '9'; i++) version = version * 10 + (unsigned)(list[i] - '0');
        head = (size_t)sprintf(rest->bytes, "VALUE %s 0 %zu %llu\r\n", key, length, version);
    } else {
        head = (size_t)sprintf(rest->bytes, "VALUE %s 0 %zu\r\n", key, length);
    }
    memcpy(rest->bytes + head, list, length);
    memcpy(rest->bytes + head + length, end, strlen(end));
    rest->length = head + length + strlen(end);
    rest->sent = 0;
    free(list);
    return rest;
}

static Rest *rest_of(const void *connection) {
    for (Rest *rest = rests; rest != NULL; rest = rest->next)
        if (rest->connection == connection) return rest;
    return NULL;
}

static Rest *start(const void *connection, char letter) {
    Rest *rest = answer_to(letter);
    if (rest == NULL) return NULL;
    rest->connection = connection;
    rest->next = rests;
    rests = rest;
    return rest;
}

static void forget(const void *connection) {
    for (Rest **at = &rests; *at != NULL; at = &(*at)->next) {
        if ((*at)->connection != connection) continue;
        Rest *gone = *at;
        *at = gone->next;
        free(gone);
        return;
    }
}

/* How the answer begins: the key was not there, or somebody had stored it. */
static const char heads[][HEAD + 1] = {"NF O", "HD O"};

/* The letter of the question that this is the engine's answer to; 0: something else. */
static char letter_of(const char *bytes) {
    if (memcmp(bytes, heads[0], HEAD) != 0 && memcmp(bytes, heads[1], HEAD) != 0) return 0;
    if (memcmp(bytes + HEAD + 1, secret, SECRET) != 0) return 0;
    return memcmp(bytes + HEAD + 1 + SECRET, "\r\n", 2) == 0 ? bytes[HEAD] : 0;
}

/* Sends more of an answer. Gives back what the engine takes as sent, or -1. */
static ssize_t go_on(int to, Rest *rest, int flags) {
    struct iovec part = {rest->bytes + rest->sent, rest->length - rest->sent};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent = next_sendmsg(to, &message, flags);
    if (sent < 0) return sent;
    rest->sent += (size_t)sent;
    if (rest->sent < rest->length) {
        errno = EAGAIN;
        return -1;
    }
    forget(rest->connection);
    return MARK;
}

HOOK ssize_t sendmsg(int to, const struct msghdr *message, int flags) {
    if (next_sendmsg == NULL) resolve();
    const struct iovec *parts = message->msg_iov;
    for (size_t i = 0; asked > 0 && i < message->msg_iovlen; i++) {
        char letter = parts[i].iov_len == MARK ? letter_of(parts[i].iov_base) : 0;
        if (letter == 0) continue;
        if (i > 0) { /* first what comes before */
            struct msghdr before = *message;
            before.msg_iovlen = i;
            return next_sendmsg(to, &before, flags);
        }
        const void *connection = (const void *)(intptr_t)to;
        Rest *rest = rest_of(connection);
        if (rest == NULL) rest = start(connection, letter);
        if (rest == NULL) {
            errno = ENOMEM;
            return -1;
        }
        ssize_t sent = go_on(to, rest, flags);
        if (sent > 0) asked--;
        return sent;
    }
    return next_sendmsg(to, message, flags);
}

/* Does this begin like such an answer? `length` is less than that of a whole one. */
static int may_be_mark(const char *bytes, size_t length) {
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char mark[MARK];
        memcpy(mark, heads[i], HEAD);
        mark[HEAD] = length > HEAD ? bytes[HEAD] : 0;
        memcpy(mark + HEAD + 1, secret, SECRET);
        memcpy(mark + HEAD + 1 + SECRET, "\r\n", 2);
        if (memcmp(mark, bytes, length) == 0) return 1;
    }
    return 0;
}

/*
 * Where such an answer begins, or the part of one that the end of the buffer cuts off; `length`: there is none. Questions that get another answer
 * (of those who have not logged in) are never counted off, so this has to be quick.
 */
static size_t find_mark(const char *bytes, size_t length) {
    for (size_t at = HEAD + 1; at + SECRET <= length; at++) {
        const char *found = memmem(bytes + at, length - at, secret, SECRET);
        if (found == NULL) break;
        at = (size_t)(found - bytes);
        size_t from = at - HEAD - 1;
        if (from + MARK <= length && letter_of(bytes + from) != 0) return from;
    }
    /* One that begins the buffer is whole in it. */
    for (size_t at = length >= MARK ? length - MARK + 1 : 1; at < length; at++)
        if (may_be_mark(bytes + at, length - at)) return at;
    return length;
}

/* Zero: nothing is to be sent again on this connection. */
static int take_retry(const void *ssl) {
    for (Retry **at = &retries; *at != NULL; at = &(*at)->next) {
        if ((*at)->ssl != ssl) continue;
        Retry *gone = *at;
        int count = gone->count;
        *at = gone->next;
        free(gone);
        return count;
    }
    return 0;
}

static int pass_on(void *ssl, const void *bytes, int count) {
    int sent = next_ssl_write(ssl, bytes, count);
    Retry *retry = sent > 0 ? NULL : malloc(sizeof *retry);
    if (retry != NULL) {
        *retry = (Retry){.next = retries, .ssl = ssl, .count = count};
        retries = retry;
    }
    return sent;
}

HOOK int SSL_write(void *ssl, const void *bytes, int count) {
    if (next_ssl_write == NULL) resolve();
    if (file == NULL || count <= 0) return next_ssl_write(ssl, bytes, count);
    int again = retries == NULL ? 0 : take_retry(ssl);
    if (again > 0) return pass_on(ssl, bytes, again < count ? again : count);
    size_t at = asked == 0 ? (size_t)count : find_mark(bytes, (size_t)count);
    if (at > 0) return pass_on(ssl, bytes, (int)at);
    Rest *rest = rest_of(ssl);
    if (rest == NULL) rest = start(ssl, ((const char *)bytes)[HEAD]);
    if (rest == NULL) return -1;
    /* It takes all, or wants the same bytes again. */
    int sent = next_ssl_write(ssl, rest->bytes, (int)rest->length);
    if (sent <= 0) return sent;
    forget(ssl);
    asked--;
    return MARK;
}

/* ---- connections that end ---- */

HOOK int close(int descriptor) {
    if (next_close == NULL) resolve();
    if (rests != NULL) forget((const void *)(intptr_t)descriptor);
    return next_close(descriptor);
}

HOOK void SSL_free(void *ssl) {
    if (next_ssl_free == NULL) resolve();
    if (rests != NULL) forget(ssl);
    if (retries != NULL) take_retry(ssl);
    next_ssl_free(ssl);
}
