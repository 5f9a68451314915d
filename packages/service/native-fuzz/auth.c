/* Hostile answers of whoever is taken for the service, hostile rules of users, names and tokens, for the module for logins. */
#include "../native/larder-auth.c"

#include "engine.h"

struct Blocked {
    int verdicts;
};

static Text *rules;
static unsigned told;

static User *user_of(Text *name) { return (User *)name; }
static int free_user(User *user) {
    (void)user;
    return OK;
}
static Text *rules_of(User *user) {
    (void)user;
    return rules == NULL ? NULL : create(NULL, rules->bytes, rules->length);
}
static int unblock(Blocked *blocked, void *verdict) {
    if (verdict != &let_in && verdict != &refused && verdict != &unanswered) abort();
    if (blocked->verdicts++ > 0) abort();
    told++;
    return OK;
}
static unsigned long long client_of(Context *own) {
    (void)own;
    return 7;
}
static int about_client(void *client, uint64_t id) {
    (void)id;
    struct ClientInfo *info = client;
    memset(info->address, any(2) == 0 ? 'a' : 0, sizeof info->address);
    return any(4) == 0 ? FAILED : OK;
}

static Text *by_chance(size_t most) {
    size_t length = any((uint32_t)most + 1);
    Text *text = malloc(sizeof *text);
    text->bytes = (char *)room(length);
    text->length = length;
    for (size_t i = 0; i < length; i++) text->bytes[i] = (char)any(256);
    return text;
}

/* The rules say "on", and nowhere a password: nothing else is a user of IAM. */
static void rules_once(uint64_t seed) {
    static const char *const words[] = {"on", "off", "nopass", "#1f2e", "~*", "+@all", "", "o", "onn", "nopas", "nopasss"};
    char text[128] = "";
    int on = 0, password = 0;
    for (uint32_t left = any(8); left > 0; left--) {
        const char *word = words[any(sizeof words / sizeof *words)];
        on |= strcmp(word, "on") == 0;
        password |= word[0] == '#' || strcmp(word, "nopass") == 0;
        strcat(strcat(text, word), left > 1 ? " " : "");
    }
    rules = create(NULL, text, strlen(text));
    expect(is_iam_user(rules) == (on && !password), "a user is taken for one of IAM, or is not", seed);
    free_text(NULL, rules);
    rules = by_chance(40);
    is_iam_user(rules);
    free_text(NULL, rules);
    rules = NULL;
}

static void arguments_once(void) {
    Text *arguments[4];
    for (int i = 0; i < 4; i++) arguments[i] = by_chance(i < 2 ? 300 : 12);
    if (any(2) == 0)
        for (int i = 2; i < 4; i++)
            for (size_t at = 0; at < arguments[i]->length; at++) arguments[i]->bytes[at] = (char)('0' + any(10));
    read_arguments(arguments, 4);
    for (int i = 0; i < 4; i++) free_text(NULL, arguments[i]);
    memset(scope, 0, sizeof scope);
    memset(scope, 's', any(LONGEST_SCOPE));
    wait_ms = 1000;
}

static void answers_once(uint64_t seed) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) abort();
    Question *asked = NULL, **end = &asked;
    uint32_t count = any(6);
    for (uint32_t i = 0; i < count; i++) {
        Text *user = by_chance(LONGEST_USER), *token = by_chance(LONGEST_TOKEN);
        Question *question = question_of(NULL, user->bytes, user->length, token->bytes, token->length);
        expect(get_number(question->bytes, 4) == question->length - 4, "a question says another length than it has", seed);
        free_text(NULL, user);
        free_text(NULL, token);
        question->blocked = calloc(1, sizeof *question->blocked);
        question->next = NULL;
        *end = question;
        end = &question->next;
    }
    waiting = count;
    Blocked *all[8];
    uint32_t have = 0;
    for (Question *each = asked; each != NULL; each = each->next) all[have++] = each->blocked;
    int state = send_questions(ends[0], asked);
    expect(state == OK && !has_unsent(asked), "questions were not sent", seed);
    unsigned char answers[16 * 8];
    size_t size = 0;
    for (uint32_t left = any(8); left > 0; left--) {
        unsigned char *at = answers + size;
        memcpy(at, "LRDA", 4);
        put_number(at + 4, any(3), 4);
        put_number(at + 8, number - any(8), 8);
        size += 16;
    }
    if (any(2) == 0) spoil(answers, size);
    unsigned char part[ANSWER_BYTES];
    size_t filled = 0, at = 0;
    for (state = OK; at < size && state == OK;) {
        size_t piece = 1 + any(24);
        if (piece > size - at) piece = size - at;
        if (write(ends[1], answers + at, piece) != (ssize_t)piece) abort();
        at += piece;
        state = read_answers(ends[0], part, &filled, &asked);
        expect(filled < ANSWER_BYTES, "more than an answer is kept", seed);
    }
    hang_up(ends[0], asked);
    close(ends[1]);
    end_late(&asked, INT64_MAX);
    expect(asked == NULL && told == count && waiting == 0, "somebody is never told", seed);
    for (uint32_t i = 0; i < have; i++) free(all[i]);
    told = 0;
}

static void once(uint64_t seed) {
    rules_once(seed);
    arguments_once();
    answers_once(seed);
}

int main(int count, char **arguments) {
    CreateString = create;
    FreeString = free_text;
    StringPtrLen = pointer;
    GetModuleUserFromUserName = user_of;
    GetModuleUserACLString = rules_of;
    FreeModuleUser = free_user;
    UnblockClient = unblock;
    GetClientId = client_of;
    GetClientInfoById = about_client;
    return run_all(count, arguments, once);
}
