/*
 * A way in for Larder that clients can neither close nor fill: a unix socket on the engine's own event loop, beside the clients. An
 * engine of Larder loads this module. Whoever comes in this way is no client of the engine: CLIENT KILL and CLIENT PAUSE do not reach
 * it, and it counts for no limit of clients.
 *
 * - It talks to processes of its own user and of root alone: the kernel says who asks.
 * - It carries out the commands that control needs, and no others: no command here touches a key.
 * - A script that runs, and data that loads, are told as the engine tells them to clients, unless control insists: it does for a while after each SCRIPT
 *   KILL or FUNCTION KILL, whether there was something to end or not. Meanwhile no script begins, those that were queued in a transaction can be ended at once, and what needs no data is
 *   carried out although a script runs.
 * - Scripts that a client has sent ahead would keep the engine from its event loop. When they have for five seconds, and control waits, it insists.
 * - What is read and held is bounded. Nothing here waits.
 *
 * It also keeps the append-only file whole on a full disk: see `append_only`.
 *
 * The protocol is that of the engine (RESP2): arrays of words in, answers out, in order.
 *
 * loadmodule larder-control.so <socket>
 * loadmodule larder-control.so trial      the engine ends with status 77: it has everything that is needed
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

typedef struct Reply Reply;
typedef void (*Ready)(int descriptor, void *data, int mask);

/* Valkey 7.2 and Redis OSS 7.0 were the first to have all of them. */
#define ENGINE_FUNCTIONS(F)                                                            \
    F(GetDetachedThreadSafeContext, Context *, (Context *))                            \
    F(EventLoopAdd, int, (int descriptor, int mask, Ready, void *data))                \
    F(EventLoopDel, int, (int descriptor, int mask))                                   \
    F(Call, Reply *, (Context *, const char *name, const char *format, ...))           \
    F(CallReplyProto, const char *, (Reply *, size_t *))                               \
    F(FreeCallReply, void, (Reply *))                                                  \
    F(SubscribeToServerEvent, int, (Context *, struct Event, Happened))                \
    F(RegisterCommandFilter, void *, (Context *, Filter, int flags))                   \
    F(CommandFilterArgsCount, int, (Filtered *))                                       \
    F(CommandFilterArgGet, const Text *, (Filtered *, int))                            \
    F(CommandFilterArgReplace, int, (Filtered *, int, Text *))

#include "engine-module.h"

enum {
    MOST_PEERS = 16,
    MOST_WORDS = 65536,
    LONGEST_INPUT = 16 * 1024 * 1024,
    LONGEST_OUTPUT = 64 * 1024 * 1024,
    READ_BYTES = 65536,
    /* So long control insists. It has to come back with what it wants, on a busy machine too; a planned switch takes four seconds at the most. */
    INSIST_MS = 5000,
    /* So long control waits for a turn of the event loop: as the engine does before it listens while a script runs. And so often it is looked for. */
    PATIENCE_MS = 5000,
    LOOK_MS = 20,
};
enum { READABLE = 1, WRITABLE = 2 };
enum { SCRIPT_RUNS = 1 << 0, DATA_LOADS = 1 << 13, LOADS_ASIDE = 1 << 23 };

typedef struct Buffer {
    char *bytes;
    size_t have, size;
} Buffer;

typedef struct Peer {
    int descriptor;
    int writes; /* it waits until more can be written */
    Buffer in, out;
    size_t sent;
} Peer;

typedef struct Word {
    const char *text;
    size_t length;
} Word;

/* Whether a command is carried out while a script runs. What reads or changes no data may be, where control insists. */
enum { NEVER, WHERE_IT_INSISTS, ALWAYS };

/* What control may ask: a command, or one of its subcommands; and whether it is answered while data loads. The first that fits counts. */
static const struct {
    const char *name, *sub;
    int loading, script;
} allowed[] = {
    {"ping", NULL, 0, NEVER},
    {"info", NULL, 1, WHERE_IT_INSISTS},
    {"config", "get", 1, WHERE_IT_INSISTS},
    {"config", NULL, 1, NEVER},
    {"acl", NULL, 1, WHERE_IT_INSISTS},
    {"cluster", "nodes", 0, WHERE_IT_INSISTS},
    {"cluster", "info", 0, WHERE_IT_INSISTS},
    {"cluster", NULL, 0, NEVER},
    {"replicaof", NULL, 0, NEVER},
    {"save", NULL, 0, NEVER},
    {"shutdown", "nosave", 1, ALWAYS},
    {"shutdown", NULL, 1, NEVER},
    {"client", "kill", 1, WHERE_IT_INSISTS},
    {"client", "list", 1, WHERE_IT_INSISTS},
    {"client", "unpause", 1, WHERE_IT_INSISTS},
    {"client", "pause", 1, NEVER},
    {"script", "kill", 1, ALWAYS},
    {"function", "kill", 1, ALWAYS},
};

static Context *context;
static struct sockaddr_un place;
static int listening = -1;
static Peer *peers[MOST_PEERS];
static int turn_is_due;
/* By `now_ms`. Zero: control does not insist. */
static int64_t insists_until;
/* The last turn of the engine's event loop, when it was last looked whether control waits, and what was found. */
static int64_t turned_at, looked_at;
static int waits;
/* While control insists: what the engine's own time for scripts is. Empty: as it should be. */
static char script_time[24];

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void drop(int index) {
    Peer *peer = peers[index];
    peers[index] = NULL;
    EventLoopDel(peer->descriptor, READABLE | WRITABLE);
    close(peer->descriptor);
    free(peer->in.bytes);
    free(peer->out.bytes);
    free(peer);
}

static int index_of(const Peer *peer) {
    for (int i = 0; i < MOST_PEERS; i++)
        if (peers[i] == peer) return i;
    return -1;
}

/* FAILED where it would be longer than `most`, or there is no memory. */
static int append(Buffer *buffer, const char *bytes, size_t length, size_t most) {
    if (length == 0) return OK;
    if (length > most || buffer->have > most - length) return FAILED;
    if (buffer->have + length > buffer->size) {
        size_t size = (buffer->have + length) * 2;
        char *larger = realloc(buffer->bytes, size);
        if (larger == NULL) return FAILED;
        buffer->bytes = larger;
        buffer->size = size;
    }
    memcpy(buffer->bytes + buffer->have, bytes, length);
    buffer->have += length;
    return OK;
}

/* ---- what is read: one command after the other ---- */

/* A number between a letter and the end of the line. 1: found; 0: its end is not there yet; -1: no number, or too large. */
static int read_count(const Buffer *in, size_t *at, char letter, size_t most, size_t *count) {
    const char *end = memchr(in->bytes + *at, '\n', in->have - *at);
    if (end == NULL) return in->have - *at > 24 ? -1 : 0;
    const char *digit = in->bytes + *at;
    if (*digit++ != letter || end - digit < 2 || end[-1] != '\r') return -1;
    size_t value = 0;
    for (; digit < end - 1; digit++) {
        if (*digit < '0' || *digit > '9') return -1;
        value = value * 10 + (size_t)(*digit - '0');
        if (value > most) return -1;
    }
    *count = value;
    *at = (size_t)(end - in->bytes) + 1;
    return 1;
}

/* As `read_count`. The words point into the buffer. The caller frees the list. */
static int read_command(const Buffer *in, Word **words, size_t *count, size_t *used) {
    size_t at = 0;
    *words = NULL;
    if (in->have == 0) return 0;
    int found = read_count(in, &at, '*', MOST_WORDS, count);
    if (found != 1) return found;
    if (*count == 0) return -1;
    *words = calloc(*count, sizeof **words);
    if (*words == NULL) return -1;
    for (size_t i = 0; i < *count; i++) {
        size_t length;
        if (at == in->have) return 0;
        found = read_count(in, &at, '$', LONGEST_INPUT, &length);
        if (found != 1) return found;
        if (in->have - at < length + 2) return 0;
        (*words)[i] = (Word){in->bytes + at, length};
        at += length + 2;
    }
    *used = at;
    return 1;
}

static int is(const Word *word, const char *name) {
    return word->length == strlen(name) && strncasecmp(word->text, name, word->length) == 0;
}

/* ---- what is answered ---- */

static int say(Peer *peer, const char *text) { return append(&peer->out, text, strlen(text), LONGEST_OUTPUT); }

static int call(Peer *peer, const Word *words, size_t count) {
    char name[32] = {0};
    memcpy(name, words[0].text, words[0].length);
    Text **arguments = calloc(count, sizeof *arguments);
    if (arguments == NULL) return FAILED;
    for (size_t i = 1; i < count; i++) arguments[i - 1] = CreateString(context, words[i].text, words[i].length);
    Reply *reply = Call(context, name, "Ev", arguments, count - 1);
    for (size_t i = 1; i < count; i++) FreeString(context, arguments[i - 1]);
    free(arguments);
    if (reply == NULL) return say(peer, "-ERR the engine did not carry it out\r\n");
    size_t length;
    const char *bytes = CallReplyProto(reply, &length);
    int kept = bytes == NULL ? FAILED : append(&peer->out, bytes, length, LONGEST_OUTPUT);
    FreeCallReply(reply);
    return kept;
}

/* ---- control insists ---- */

/* Sets the time for scripts, and gives back what it was. Empty: it was not told. */
static void exchange_script_time(const char *wanted, char *before, size_t size) {
    static const char name[] = "busy-reply-threshold";
    before[0] = 0;
    Reply *reply = Call(context, "CONFIG", "Ecc", "GET", name);
    size_t length = 0;
    const char *bytes = reply == NULL ? NULL : CallReplyProto(reply, &length);
    /* The value is the last line. */
    size_t end = length >= 2 ? length - 2 : 0, from = end;
    while (bytes != NULL && from > 0 && bytes[from - 1] >= '0' && bytes[from - 1] <= '9') from--;
    if (bytes != NULL && end > from && end - from < size) {
        memcpy(before, bytes + from, end - from);
        before[end - from] = 0;
    }
    if (reply != NULL) FreeCallReply(reply);
    reply = before[0] == 0 ? NULL : Call(context, "CONFIG", "Eccc", "SET", name, wanted);
    if (reply != NULL) FreeCallReply(reply);
}

/* The shortest time that the engine knows: what a transaction holds can be ended as soon as it begins. */
static void insist(void) {
    insists_until = now_ms() + INSIST_MS;
    if (script_time[0] == 0) exchange_script_time("1", script_time, sizeof script_time);
}

static void insist_no_more(void) {
    char found[sizeof script_time], ours[sizeof script_time];
    insists_until = 0;
    if (script_time[0] == 0) return;
    exchange_script_time(script_time, found, sizeof found);
    script_time[0] = 0;
    /* Somebody has set it meanwhile. */
    if (strcmp(found, "1") != 0 && found[0] != 0) exchange_script_time(found, ours, sizeof ours);
}

static int may_run(int script) { return script == ALWAYS || (script == WHERE_IT_INSISTS && insists_until != 0); }

static int carry_out(Peer *peer, const Word *words, size_t count, int flags) {
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (!is(&words[0], allowed[i].name)) continue;
        if (allowed[i].sub != NULL && (count < 2 || !is(&words[1], allowed[i].sub))) continue;
        if (flags & SCRIPT_RUNS && !may_run(allowed[i].script)) return say(peer, "-BUSY a script runs\r\n");
        if (is(&words[0], "script") || is(&words[0], "function")) insist();
        if (flags & (DATA_LOADS | LOADS_ASIDE) && !allowed[i].loading) return say(peer, "-LOADING data is loaded\r\n");
        return call(peer, words, count);
    }
    return say(peer, "-NOPERM this way in is for control alone\r\n");
}

static void on_writable(int descriptor, void *data, int mask);

/* FAILED where the other side is gone. */
static int flush(Peer *peer) {
    while (peer->sent < peer->out.have) {
        ssize_t sent = send(peer->descriptor, peer->out.bytes + peer->sent, peer->out.have - peer->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return FAILED;
        if (sent < 0) {
            if (!peer->writes && EventLoopAdd(peer->descriptor, WRITABLE, on_writable, peer) != OK) return FAILED;
            peer->writes = 1;
            return OK;
        }
        peer->sent += (size_t)sent;
    }
    peer->sent = peer->out.have = 0;
    if (peer->writes) EventLoopDel(peer->descriptor, WRITABLE);
    peer->writes = 0;
    return OK;
}

/* All whole commands of one peer. FAILED where it has to be dropped. */
static int serve(Peer *peer, int flags) {
    size_t from = 0;
    while (from < peer->in.have) {
        Buffer left = {.bytes = peer->in.bytes + from, .have = peer->in.have - from};
        Word *words;
        size_t count = 0, used = 0;
        int found = read_command(&left, &words, &count, &used);
        int kept = found == 1 ? carry_out(peer, words, count, flags) : OK;
        free(words);
        if (found < 0 || kept != OK) return FAILED;
        if (found == 0) break;
        from += used;
    }
    if (from > 0) memmove(peer->in.bytes, peer->in.bytes + from, peer->in.have - from);
    peer->in.have -= from;
    return flush(peer);
}

static void serve_all(int flags) {
    for (int i = 0; i < MOST_PEERS; i++)
        if (peers[i] != NULL && serve(peers[i], flags) != OK) drop(i);
}

/* ---- the engine's event loop ---- */

/* Timers run between commands, never within one that lets others be served meanwhile. */
static void on_turn(Context *own, void *data) {
    (void)own;
    (void)data;
    turn_is_due = 0;
    serve_all(0);
}

static void on_readable(int descriptor, void *data, int mask) {
    (void)mask;
    Peer *peer = data;
    char bytes[READ_BYTES];
    ssize_t got = recv(descriptor, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || append(&peer->in, bytes, (size_t)got, LONGEST_INPUT) != OK) {
        drop(index_of(peer));
        return;
    }
    int flags = GetContextFlags(context) & (SCRIPT_RUNS | DATA_LOADS | LOADS_ASIDE);
    if (flags != 0) {
        if (serve(peer, flags) != OK) drop(index_of(peer));
    } else if (!turn_is_due) {
        turn_is_due = 1;
        CreateTimer(context, 0, on_turn, NULL);
    }
}

static void on_writable(int descriptor, void *data, int mask) {
    (void)descriptor;
    (void)mask;
    Peer *peer = data;
    if (flush(peer) != OK) drop(index_of(peer));
}

/* In each round of the engine's own work between commands, several times a second. */
static void on_round(Context *own, struct Event event, uint64_t detail, void *data) {
    (void)own;
    (void)event;
    (void)detail;
    (void)data;
    turned_at = now_ms();
    if (insists_until != 0 && insists_until <= turned_at) insist_no_more();
}

/* Is there something for this module to read, and has the engine not come to it for long? */
static int control_waits(int64_t now) {
    if (now - turned_at < PATIENCE_MS) return 0;
    if (now - looked_at < LOOK_MS) return waits;
    struct pollfd watched[MOST_PEERS + 1] = {{.fd = listening, .events = POLLIN}};
    nfds_t count = 1;
    for (int i = 0; i < MOST_PEERS; i++)
        if (peers[i] != NULL) watched[count++] = (struct pollfd){.fd = peers[i]->descriptor, .events = POLLIN};
    looked_at = now;
    waits = turn_is_due || poll(watched, count, 0) > 0;
    return waits;
}

/* A script that may not begin becomes one that says so: its client is answered in order, also in a transaction. */
static void refuse(Filtered *command, const char *name) {
    static const char body[] = "return redis.error_reply('BUSY scripts are held back for a moment')";
    CommandFilterArgReplace(command, 0, CreateString(NULL, name, strlen(name)));
    CommandFilterArgReplace(command, 1, CreateString(NULL, body, sizeof body - 1));
}

/* Before each command of clients. None of these is ever replicated. */
static void on_command(Filtered *command) {
    static const struct {
        const char *name, *instead;
    } scripts[] = {
        {"eval", "eval"},       {"evalsha", "eval"},       {"fcall", "eval"},
        {"eval_ro", "eval_ro"}, {"evalsha_ro", "eval_ro"}, {"fcall_ro", "eval_ro"},
    };
    if (CommandFilterArgsCount(command) < 3) return;
    Word word;
    word.text = StringPtrLen(CommandFilterArgGet(command, 0), &word.length);
    if (word.length < 4 || ((word.text[0] | 32) != 'e' && (word.text[0] | 32) != 'f')) return;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (!is(&word, scripts[i].name)) continue;
        int64_t now = now_ms();
        if (insists_until == 0 && control_waits(now)) insists_until = now + INSIST_MS;
        if (insists_until != 0) refuse(command, scripts[i].instead);
        return;
    }
}

static int is_own(int descriptor) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
    return peer.uid == geteuid() || peer.uid == 0;
}

static void on_arrival(int descriptor, void *data, int mask) {
    (void)data;
    (void)mask;
    int arrived = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (arrived < 0) return;
    int index = index_of(NULL);
    Peer *peer = index >= 0 && is_own(arrived) ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL) {
        close(arrived);
        return;
    }
    peer->descriptor = arrived;
    if (EventLoopAdd(arrived, READABLE, on_readable, peer) != OK) {
        close(arrived);
        free(peer);
        return;
    }
    peers[index] = peer;
}

/* A child that saves would hold what its parent had open: nobody would see the parent's end. */
static void in_child(void) {
    if (listening >= 0) close(listening);
    for (int i = 0; i < MOST_PEERS; i++)
        if (peers[i] != NULL) close(peers[i]->descriptor);
}

/* ---- the append-only file on a full disk ---- */

static int is_log(int descriptor) {
    char name[32], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path);
    if (length <= 0 || (size_t)length == sizeof path) return 0;
    /* One that a log of an earlier time is replaced by has another name until it is whole. */
    static const char *const endings[] = {".incr.aof", ".aof.incr"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t most = strlen(endings[i]);
        if ((size_t)length > most && memcmp(path + length - most, endings[i], most) == 0) return 1;
    }
    return 0;
}

/*
 * An engine takes a write that found room for a part alone back by cutting the file. The file that it opens before it writes its log anew is
 * not open for appending: the next write leaves a hole where the part stood, with which the file loads no more, and the next cut takes
 * acknowledged writes with it. Opened for appending, as the engine itself does at its start, the file has neither. The engine opens it right
 * before it forks the child that writes the base.
 */
static void append_only(void) {
    int failure = errno;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        int descriptor = atoi(entry->d_name);
        int flags = fcntl(descriptor, F_GETFL);
        /* Connections are for both ways: this leaves them out without a look at their names. */
        if (flags == -1 || (flags & O_ACCMODE) != O_WRONLY || flags & O_APPEND) continue;
        if (is_log(descriptor)) fcntl(descriptor, F_SETFL, flags | O_APPEND);
    }
    if (folder != NULL) closedir(folder);
    errno = failure;
}

static int start_listening(void) {
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listening < 0) return FAILED;
    unlink(place.sun_path);
    mode_t before = umask(0077);
    int bound = bind(listening, (struct sockaddr *)&place, sizeof place);
    umask(before);
    if (bound != 0 || listen(listening, MOST_PEERS) != 0) return FAILED;
    if (pthread_atfork(append_only, NULL, in_child) != 0) return FAILED;
    return EventLoopAdd(listening, READABLE, on_arrival, NULL);
}

__attribute__((visibility("default"))) int RedisModule_OnLoad(Context *own, Text **arguments, int count) {
    if (find_functions(own) != OK) return FAILED;
    SetModuleAttribs(own, "larder-control", 1, API_VERSION);
    size_t length = 0;
    const char *argument = count == 1 ? StringPtrLen(arguments[0], &length) : "";
    if (strcmp(argument, "trial") == 0) _exit(TRIAL_STATUS);
    if (length == 0 || length >= sizeof place.sun_path) {
        Log(own, "warning", "expected one argument: the path of a unix socket");
        return FAILED;
    }
    place.sun_family = AF_UNIX;
    memcpy(place.sun_path, argument, length + 1);
    SetModuleOptions(own, HANDLES_IO_ERRORS | HANDLES_ASYNC_LOAD);
    context = GetDetachedThreadSafeContext(own);
    turned_at = now_ms();
    if (SubscribeToServerEvent(own, (struct Event){CRON_LOOP, CRON_LOOP_VERSION}, on_round) != OK ||
        RegisterCommandFilter(context, on_command, NOT_OWN) == NULL) {
        Log(own, "warning", "the engine lets no module see commands");
        return FAILED;
    }
    if (start_listening() == OK) return OK;
    Log(own, "warning", "no socket for control at %s: %s", place.sun_path, strerror(errno));
    return FAILED;
}

/* Its socket cannot be taken back. */
__attribute__((visibility("default"))) int RedisModule_OnUnload(Context *own) {
    (void)own;
    return FAILED;
}
