/*
 * Logins of IAM users. An engine of Larder loads this module; when somebody logs in as an IAM user, it asks the Larder process over a unix
 * socket whether the token is right, and nothing else ever passes through it.
 *
 * - The main thread of the engine never waits: the client is blocked by the engine's own means, a thread of the module asks.
 * - An IAM user is a user of the engine that is on, has no password, and does not do without one. So nobody comes in as such a user
 *   where this module is not there, and this module lets nobody in as any other user, whatever it is answered.
 * - Passwords are at most 128 bytes long and tokens always longer: for a login by password one comparison is made here.
 * - What waits is bounded: in number, in bytes, in time. Without an answer in time the login is refused.
 * - A connection is closed a fixed time after its last login by token. Another login, RESET or its end takes that back.
 *
 * A question: length of the rest (4 bytes), number (8), then four texts, each after its length (2): scope, user, token, address of
 * the client. An answer: "LRDA", verdict (4 bytes; 1: let in, 0: refuse), number (8). All numbers have their highest byte first.
 *
 * loadmodule larder-auth.so <socket> <scope> <seconds a login lasts> <milliseconds to wait for an answer>
 * loadmodule larder-auth.so trial      the engine ends with status 77: it has everything that is needed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Valkey 7.2 and Redis OSS 7.2 were the first to have all of them. */
#define ENGINE_FUNCTIONS(F)                                                                                       \
    F(GetClientId, unsigned long long, (Context *))                                                               \
    F(GetClientInfoById, int, (void *, uint64_t))                                                                 \
    F(GetModuleUserFromUserName, User *, (Text *))                                                                \
    F(GetModuleUserACLString, Text *, (User *))                                                                   \
    F(FreeModuleUser, int, (User *))                                                                              \
    F(ACLAddLogEntryByUserName, int, (Context *, Text *user, Text *object, int reason))                           \
    F(RegisterAuthCallback, void, (Context *, AuthCallback))                                                      \
    F(BlockClientOnAuth, Blocked *, (Context *, AuthCallback, void (*free_data)(Context *, void *)))              \
    F(UnblockClient, int, (Blocked *, void *))                                                                    \
    F(GetBlockedClientPrivateData, void *, (Context *))                                                           \
    F(AuthenticateClientWithACLUser, int, (Context *, const char *, size_t, UserChanged, void *, uint64_t *))     \
    F(DeauthenticateAndCloseClient, int, (Context *, uint64_t))

#include "engine-module.h"

enum {
    LONGEST_PASSWORD = 128,
    LONGEST_TOKEN = 4096,
    LONGEST_USER = 256,
    LONGEST_SCOPE = 256,
    MOST_WAITING = 1024,
    RETRY_MS = 50,
    LONGEST_TIMER_MS = 60000,
    THREAD_STACK = 256 * 1024,
    ANSWER_BYTES = 16,
};

typedef struct Question {
    struct Question *next;
    Blocked *blocked;
    uint64_t number;
    int64_t deadline;
    size_t length, sent;
    unsigned char bytes[];
} Question;

/* A login by token that has not ended yet. All last equally long, so the list is in the order of their ends. */
typedef struct Login {
    struct Login *before, *after;
    uint64_t client;
    int64_t ends;
} Login;

/* What is told to a client that was blocked; their addresses count. */
static char let_in, refused, unanswered;

static struct sockaddr_un host;
static char scope[LONGEST_SCOPE + 1];
static int64_t login_ms, wait_ms;

/* Of the main thread. */
static Login *first, *last;
static int timer_runs;
static int thread_runs;
static uint64_t number;

/* Between the two threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Question *arrived;
static unsigned waiting;
static int wake = -1;

/* Also counts while the machine sleeps. */
static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned char *put_number(unsigned char *at, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) *at++ = (unsigned char)(value >> (8 * i));
    return at;
}

static unsigned char *put_text(unsigned char *at, const char *text, size_t length) {
    at = put_number(at, length, 2);
    memcpy(at, text, length);
    return at + length;
}

static uint64_t get_number(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
    return value;
}

/* ---- the thread that asks ---- */

static void tell(Question *question, char *verdict) {
    pthread_mutex_lock(&lock);
    waiting--;
    pthread_mutex_unlock(&lock);
    UnblockClient(question->blocked, verdict);
    /* It holds a token that may still be good. */
    explicit_bzero(question->bytes, question->length);
    free(question);
}

static void take_arrived(Question **asked) {
    pthread_mutex_lock(&lock);
    Question *fresh = arrived;
    arrived = NULL;
    pthread_mutex_unlock(&lock);
    Question **end = asked;
    while (*end != NULL) end = &(*end)->next;
    /* Those that arrived are in reverse order. */
    while (fresh != NULL) {
        Question *next = fresh->next;
        fresh->next = *end;
        *end = fresh;
        fresh = next;
    }
}

/* Not connected any more: whoever has no answer asks again. */
static int hang_up(int connection, Question *asked) {
    if (connection >= 0) close(connection);
    for (; asked != NULL; asked = asked->next) asked->sent = 0;
    return -1;
}

/* -1: nobody is there, or it is another user than ours. */
static int connect_to_host(void) {
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection < 0) return -1;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (connect(connection, (struct sockaddr *)&host, sizeof host) == 0 &&
        getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid())
        return connection;
    close(connection);
    return -1;
}

/* FAILED: the connection is of no use any more. */
static int send_questions(int connection, Question *asked) {
    for (; asked != NULL; asked = asked->next) {
        while (asked->sent < asked->length) {
            ssize_t sent = send(connection, asked->bytes + asked->sent, asked->length - asked->sent, MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? OK : FAILED;
            asked->sent += (size_t)sent;
        }
    }
    return OK;
}

static int has_unsent(const Question *asked) {
    while (asked != NULL && asked->sent == asked->length) asked = asked->next;
    return asked != NULL;
}

/* FAILED: what it says makes no sense. An answer that nobody waits for any more does. */
static int take_answer(const unsigned char *answer, Question **asked) {
    uint64_t verdict = get_number(answer + 4, 4);
    if (memcmp(answer, "LRDA", 4) != 0 || verdict > 1) return FAILED;
    uint64_t of = get_number(answer + 8, 8);
    for (; *asked != NULL; asked = &(*asked)->next) {
        Question *question = *asked;
        if (question->number != of) continue;
        if (question->sent < question->length) return FAILED;
        *asked = question->next;
        tell(question, verdict == 1 ? &let_in : &refused);
        break;
    }
    return OK;
}

/* FAILED: the connection has ended, or is of no use any more. */
static int read_answers(int connection, unsigned char *part, size_t *filled, Question **asked) {
    for (;;) {
        ssize_t got = recv(connection, part + *filled, ANSWER_BYTES - *filled, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? OK : FAILED;
        if (got == 0) return FAILED;
        *filled += (size_t)got;
        if (*filled < ANSWER_BYTES) continue;
        *filled = 0;
        if (take_answer(part, asked) != OK) return FAILED;
    }
}

/* FAILED: a question ends that was sent in part, so nothing more can be sent. */
static int end_late(Question **asked, int64_t now) {
    int result = OK;
    while (*asked != NULL) {
        Question *question = *asked;
        if (question->deadline > now) {
            asked = &question->next;
            continue;
        }
        if (question->sent > 0 && question->sent < question->length) result = FAILED;
        *asked = question->next;
        tell(question, &unanswered);
    }
    return result;
}

/* All wait equally long, so the first one ends first. */
static int poll_ms(const Question *asked, int connection, int64_t now, int64_t retry_at) {
    if (asked == NULL) return -1;
    int64_t until = asked->deadline;
    if (connection < 0 && retry_at < until) until = retry_at;
    return until > now ? (int)(until - now) : 0;
}

static void *ask_host(void *unused) {
    (void)unused;
    Question *asked = NULL;
    unsigned char part[ANSWER_BYTES];
    size_t filled = 0;
    int connection = -1;
    int64_t retry_at = 0;
    for (;;) {
        take_arrived(&asked);
        int64_t now = now_ms();
        if (end_late(&asked, now) != OK) connection = hang_up(connection, asked);
        if (connection < 0 && asked != NULL && now >= retry_at) {
            filled = 0;
            connection = connect_to_host();
            retry_at = now + RETRY_MS;
        }
        if (connection >= 0 && send_questions(connection, asked) != OK) connection = hang_up(connection, asked);
        struct pollfd watched[2] = {
            {.fd = wake, .events = POLLIN},
            {.fd = connection, .events = (short)(POLLIN | (has_unsent(asked) ? POLLOUT : 0))},
        };
        /* A connection of -1 is left out. */
        if (poll(watched, 2, poll_ms(asked, connection, now, retry_at)) < 0) continue;
        if (watched[0].revents != 0) {
            uint64_t times;
            if (read(wake, &times, sizeof times) < 0) continue;
        }
        if (connection >= 0 && (watched[1].revents & ~POLLOUT) != 0 &&
            read_answers(connection, part, &filled, &asked) != OK)
            connection = hang_up(connection, asked);
    }
    return NULL;
}

/* Only where somebody logs in by token there is a thread. */
static int start_thread(void) {
    if (thread_runs) return OK;
    if (wake < 0) wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake < 0) return FAILED;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return FAILED;
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals are for the engine's main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int result = pthread_create(&thread, &attributes, ask_host, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    thread_runs = result == 0;
    return thread_runs ? OK : FAILED;
}

/* ---- the main thread ---- */

/* In "on sanitize-payload #1f… ~* +@all": no word but these says how the user shows who it is. */
static int is_iam_user(Text *name) {
    User *user = GetModuleUserFromUserName(name);
    if (user == NULL) return 0;
    Text *rules = GetModuleUserACLString(user);
    FreeModuleUser(user);
    if (rules == NULL) return 0;
    size_t left;
    const char *at = StringPtrLen(rules, &left);
    int on = 0, password = 0;
    while (left > 0) {
        const char *space = memchr(at, ' ', left);
        size_t length = space == NULL ? left : (size_t)(space - at);
        if (length == 2 && memcmp(at, "on", 2) == 0) on = 1;
        if (length > 0 && at[0] == '#') password = 1;
        if (length == 6 && memcmp(at, "nopass", 6) == 0) password = 1;
        size_t skipped = space == NULL ? length : length + 1;
        at += skipped;
        left -= skipped;
    }
    FreeString(NULL, rules);
    return on && !password;
}

static int refuse(Context *context, Text *user, Text **error, const char *why) {
    Text *object = CreateString(NULL, "iam", 3);
    ACLAddLogEntryByUserName(context, user, object, LOG_AUTH);
    FreeString(NULL, object);
    if (why != NULL) *error = CreateString(NULL, why, strlen(why));
    return AUTH_HANDLED;
}

static void forget_login(Login *login) {
    *(login->before == NULL ? &first : &login->before->after) = login->after;
    *(login->after == NULL ? &last : &login->after->before) = login->before;
    free(login);
}

/* The client has logged in otherwise, was reset, or has gone. The engine says so once for each login. */
static void on_user_changed(uint64_t client, void *login) {
    (void)client;
    forget_login(login);
}

static void end_logins(Context *context, void *unused);

static void run_timer(Context *context) {
    if (timer_runs || first == NULL) return;
    int64_t left = first->ends - now_ms();
    if (left < 1) left = 1;
    CreateTimer(context, left < LONGEST_TIMER_MS ? left : LONGEST_TIMER_MS, end_logins, NULL);
    timer_runs = 1;
}

static void end_logins(Context *context, void *unused) {
    (void)unused;
    timer_runs = 0;
    int64_t now = now_ms();
    while (first != NULL && first->ends <= now) {
        Login *login = first;
        uint64_t client = login->client;
        /* This calls on_user_changed, which forgets it. */
        if (DeauthenticateAndCloseClient(context, client) != OK && first == login) forget_login(login);
    }
    run_timer(context);
}

static int log_in(Context *context, Text *user) {
    Login *login = malloc(sizeof *login);
    if (login == NULL) return FAILED;
    size_t length;
    const char *name = StringPtrLen(user, &length);
    /* An earlier login of this client is forgotten in here. */
    if (AuthenticateClientWithACLUser(context, name, length, on_user_changed, login, &login->client) != OK) {
        free(login);
        return FAILED;
    }
    login->ends = now_ms() + login_ms;
    login->before = last;
    login->after = NULL;
    *(last == NULL ? &first : &last->after) = login;
    last = login;
    run_timer(context);
    return OK;
}

static int on_answer(Context *context, Text *user, Text *password, Text **error) {
    (void)password;
    void *verdict = GetBlockedClientPrivateData(context);
    if (verdict == &unanswered)
        return refuse(context, user, error, "-WRONGPASS the service that verifies IAM tokens did not answer; try again.");
    /* The user may have been changed meanwhile. */
    if (verdict != &let_in || !is_iam_user(user) || log_in(context, user) != OK) return refuse(context, user, error, NULL);
    return AUTH_HANDLED;
}

static Question *question_of(Context *context, const char *user, size_t user_length, const char *token, size_t token_length) {
    struct ClientInfo client = {.version = 1};
    if (GetClientInfoById(&client, GetClientId(context)) != OK) client.address[0] = 0;
    size_t scope_length = strlen(scope), address_length = strnlen(client.address, sizeof client.address);
    size_t length = 4 + 8 + 4 * 2 + scope_length + user_length + token_length + address_length;
    Question *question = malloc(sizeof *question + length);
    if (question == NULL) return NULL;
    question->number = ++number;
    question->deadline = now_ms() + wait_ms;
    question->length = length;
    question->sent = 0;
    unsigned char *at = put_number(question->bytes, length - 4, 4);
    at = put_number(at, question->number, 8);
    at = put_text(at, scope, scope_length);
    at = put_text(at, user, user_length);
    at = put_text(at, token, token_length);
    put_text(at, client.address, address_length);
    return question;
}

static int on_login(Context *context, Text *user, Text *password, Text **error) {
    size_t user_length, token_length;
    const char *token = StringPtrLen(password, &token_length);
    if (token_length <= LONGEST_PASSWORD) return AUTH_NOT_HANDLED;
    const char *name = StringPtrLen(user, &user_length);
    if (token_length > LONGEST_TOKEN || user_length > LONGEST_USER || !is_iam_user(user)) return AUTH_NOT_HANDLED;
    if (GetContextFlags(context) & (IN_SCRIPT | IN_TRANSACTION))
        return refuse(context, user, error, "-ERR IAM authentication is not possible inside MULTI or a script.");
    pthread_mutex_lock(&lock);
    int full = waiting >= MOST_WAITING;
    pthread_mutex_unlock(&lock);
    if (full) return refuse(context, user, error, "-WRONGPASS too many IAM tokens wait to be verified; try again.");
    Question *question = start_thread() == OK ? question_of(context, name, user_length, token, token_length) : NULL;
    if (question == NULL) return refuse(context, user, error, NULL);
    question->blocked = BlockClientOnAuth(context, on_answer, NULL);
    if (question->blocked == NULL) {
        free(question);
        return refuse(context, user, error, NULL);
    }
    pthread_mutex_lock(&lock);
    waiting++;
    question->next = arrived;
    arrived = question;
    pthread_mutex_unlock(&lock);
    uint64_t once = 1;
    /* It fails only where it is set already, and then the thread wakes. */
    if (write(wake, &once, sizeof once) < 0) return AUTH_HANDLED;
    return AUTH_HANDLED;
}

/* -1: not a number from 1 to a thousand million. */
static int64_t read_digits(const Text *text) {
    size_t length;
    const char *digits = StringPtrLen(text, &length);
    int64_t value = 0;
    if (length == 0 || length > 9) return -1;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9') return -1;
        value = value * 10 + (digits[i] - '0');
    }
    return value > 0 ? value : -1;
}

static int read_text(const Text *text, char *into, size_t size) {
    size_t length;
    const char *from = StringPtrLen(text, &length);
    if (length == 0 || length >= size) return FAILED;
    memcpy(into, from, length);
    into[length] = 0;
    return OK;
}

static int read_arguments(Text **arguments, int count) {
    if (count != 4) return FAILED;
    host.sun_family = AF_UNIX;
    int64_t seconds = read_digits(arguments[2]);
    wait_ms = read_digits(arguments[3]);
    login_ms = seconds * 1000;
    return seconds > 0 && wait_ms > 0 && read_text(arguments[0], host.sun_path, sizeof host.sun_path) == OK &&
                   read_text(arguments[1], scope, sizeof scope) == OK
               ? OK
               : FAILED;
}

__attribute__((visibility("default"))) int RedisModule_OnLoad(Context *context, Text **arguments, int count) {
    if (find_functions(context) != OK) return FAILED;
    SetModuleAttribs(context, "larder-auth", 1, API_VERSION);
    size_t length;
    if (count == 1 && strcmp(StringPtrLen(arguments[0], &length), "trial") == 0) _exit(TRIAL_STATUS);
    if (read_arguments(arguments, count) != OK) {
        Log(context, "warning", "expected four arguments: socket, scope, seconds of a login, milliseconds to wait");
        return FAILED;
    }
    SetModuleOptions(context, HANDLES_IO_ERRORS | HANDLES_ASYNC_LOAD);
    RegisterAuthCallback(context, on_login);
    return OK;
}

/* Its thread and its timers cannot be taken back. */
__attribute__((visibility("default"))) int RedisModule_OnUnload(Context *context) {
    (void)context;
    return FAILED;
}
