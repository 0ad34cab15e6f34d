/* What the servers in C have in common. Each argument of the program is a server,
 * in words such as "port=20001 cert=cert.pem key=key.pem". A list is separated by
 * commas. Every connection has a thread. */
#ifndef SERVER_H
#define SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"

static void must(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

/* The value of an option; NULL: it is not given. */
static char *option(const char *words, const char *name) {
  size_t length = strlen(name);
  for (const char *at = words; at && *at; at = strchr(at, ' ')) {
    at += strspn(at, " ");
    if (strncmp(at, name, length) == 0 && at[length] == '=')
      return strndup(at + length + 1, strcspn(at + length + 1, " "));
  }
  return NULL;
}

static int is(const char *words, const char *name, const char *value) {
  char *given = option(words, name);
  int same = given && strcmp(given, value) == 0;
  free(given);
  return same;
}

/* The parts of a list, each a call. */
static void each(char *list, void (*take)(void *, const char *), void *with) {
  char *rest = NULL;
  for (char *part = strtok_r(list, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
    take(with, part);
}

struct listener {
  int socket;
  void *context;
  void (*serve)(void *context, int connection);
};

struct connection {
  int socket;
  struct listener *listener;
};

static void *serve_connection(void *argument) {
  struct connection c = *(struct connection *)argument;
  free(argument);
  c.listener->serve(c.listener->context, c.socket);
  close(c.socket);
  return NULL;
}

static void *accept_connections(void *argument) {
  struct listener *l = argument;
  for (;;) {
    struct connection *c = malloc(sizeof *c);
    c->listener = l;
    c->socket = accept(l->socket, NULL, NULL);
    if (c->socket < 0) {
      free(c);
      continue;
    }
    struct timeval limit = {30, 0};
    setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    pthread_t thread;
    must(pthread_create(&thread, NULL, serve_connection, c) == 0, "pthread_create");
    pthread_detach(thread);
  }
  return NULL;
}

/* Serves connections to the port in words, from now on. */
static void listen_for(const char *words, void *context, void (*serve)(void *, int)) {
  struct listener *l = malloc(sizeof *l);
  *l = (struct listener){socket(AF_INET, SOCK_STREAM, 0), context, serve};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(atoi(option(words, "port")));
  int yes = 1;
  setsockopt(l->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  must(bind(l->socket, (struct sockaddr *)&address, sizeof address) == 0, "bind");
  must(listen(l->socket, 100) == 0, "listen");
  pthread_t thread;
  must(pthread_create(&thread, NULL, accept_connections, l) == 0, "pthread_create");
}

#endif
