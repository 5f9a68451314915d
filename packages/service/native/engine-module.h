/*
 * The few parts of the engines' module interface that the modules of Larder use, declared by hand. Each module lists the functions that it uses
 * beside those of every module as ENGINE_FUNCTIONS before it includes this file: name in the interface, what it returns, its arguments. Valkey
 * answers to the names of Redis too. Source of names, arguments and constants: the module API reference of both engines.
 */
#ifndef LARDER_ENGINE_MODULE_H
#define LARDER_ENGINE_MODULE_H

#include <stddef.h>
#include <stdint.h>

typedef struct Context Context;
typedef struct Text Text;
typedef struct Blocked Blocked;
typedef struct User User;
/* A command that a filter sees. */
typedef struct Filtered Filtered;

enum { OK = 0, FAILED = 1, API_VERSION = 1 };
/* How an engine ends that was started to see whether it loads a module. */
enum { TRIAL_STATUS = 77 };
enum { AUTH_HANDLED = 0, AUTH_NOT_HANDLED = 1 };
enum { IN_SCRIPT = 1 << 0, IN_TRANSACTION = 1 << 1 };
enum { LOG_AUTH = 0 };
/* It has no data types, and nothing to do while a replica loads beside its old data. */
enum { HANDLES_IO_ERRORS = 1 << 0, HANDLES_ASYNC_LOAD = 1 << 2 };

typedef int (*AuthCallback)(Context *, Text *user, Text *password, Text **error);
typedef void (*UserChanged)(uint64_t client, void *data);
typedef void (*TimerCallback)(Context *, void *data);

struct Event {
    uint64_t id, version;
};
/* The engine's own work between commands, several times a second. */
enum { CRON_LOOP = 8, CRON_LOOP_VERSION = 1 };
typedef void (*Happened)(Context *, struct Event, uint64_t detail, void *data);

/* A filter that sees no commands of its own module. */
enum { NOT_OWN = 1 << 0 };
typedef void (*Filter)(Filtered *);

struct ClientInfo {
    uint64_t version; /* 1 */
    uint64_t flags;
    uint64_t id;
    char address[46];
    uint16_t port;
    uint16_t database;
};

/* Of every module. */
#define SHARED_FUNCTIONS(F)                                                              \
    F(SetModuleAttribs, void, (Context *, const char *name, int version, int api))       \
    F(SetModuleOptions, void, (Context *, int))                                          \
    F(Log, void, (Context *, const char *level, const char *format, ...))                \
    F(StringPtrLen, const char *, (const Text *, size_t *))                              \
    F(CreateString, Text *, (Context *, const char *, size_t))                           \
    F(FreeString, void, (Context *, Text *))                                             \
    F(GetContextFlags, int, (Context *))                                                 \
    F(CreateTimer, uint64_t, (Context *, long long milliseconds, TimerCallback, void *))

#define DECLARE(name, result, arguments) static result(*name) arguments;
SHARED_FUNCTIONS(DECLARE)
ENGINE_FUNCTIONS(DECLARE)
#undef DECLARE

/* OK, or FAILED where the engine lacks one of the functions. */
static int find_functions(Context *context) {
    /* The first word of the context is the function that finds all others. */
    int (*find)(const char *, void *) = *(int (**)(const char *, void *))context;
#define FIND(name, result, arguments) \
    if (find("RedisModule_" #name, &name) != OK) return FAILED;
    SHARED_FUNCTIONS(FIND)
    ENGINE_FUNCTIONS(FIND)
#undef FIND
    return OK;
}

#endif
