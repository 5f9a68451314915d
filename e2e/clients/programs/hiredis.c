/*
 * hiredis: writes to hashes without an end, and prints what it sees. Its documentation: after an error a context is of no use any more, and
 * the application connects anew. By TLS it writes without MSG_NOSIGNAL, so that a connection that was closed would end the process: SIGPIPE is
 * ignored. Arguments: host, port, key, and for TLS the authority's file and the password.
 */
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static void tell_error(const char *text) {
    printf("{\"error\":\"");
    for (; *text != '\0'; text += 1)
        if (*text >= ' ' && *text != '"' && *text != '\\') putchar(*text);
    printf("\",\"at\":%.3f}\n", now());
}

static void wait_ms(long ms) {
    struct timespec time = {.tv_sec = 0, .tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

static redisContext *connected(char **argv, redisSSLContext *ssl) {
    redisContext *context = redisConnect(argv[1], atoi(argv[2]));
    if (context == NULL || context->err != 0 || ssl == NULL) return context;
    if (redisInitiateSSLWithContext(context, ssl) == REDIS_OK) freeReplyObject(redisCommand(context, "AUTH %s", argv[5]));
    return context;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6) return 2;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    redisSSLContext *ssl = NULL;
    if (argc == 6) {
        redisInitOpenSSL();
        ssl = redisCreateSSLContext(argv[4], NULL, NULL, NULL, NULL, NULL);
        if (ssl == NULL) return 3;
    }
    redisContext *context = connected(argv, ssl);
    for (long number = 0;; wait_ms(5)) {
        redisReply *reply = NULL;
        if (context != NULL && context->err == 0) reply = redisCommand(context, "HSET %s:%d %d 1", argv[3], (int)(number % 8), (int)number);
        if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
            printf("{\"ok\":%ld,\"at\":%.3f}\n", number, now());
            number += 1;
        } else {
            tell_error(reply != NULL ? reply->str : context != NULL ? context->errstr : "no memory");
            wait_ms(10);
            if (reply == NULL) {
                if (context != NULL) redisFree(context);
                context = connected(argv, ssl);
            }
        }
        if (reply != NULL) freeReplyObject(reply);
    }
}
