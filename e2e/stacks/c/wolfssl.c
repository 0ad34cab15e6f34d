/* Servers with the TLS of wolfSSL. The words: min and max (1.0 to 1.3), suites
 * (wolfSSL's names), groups (numbers), order=client, client (request or require), ca,
 * tickets=off, cache=off, renegotiation=on, anonymous=on, dhparam, close_notify=on (it sends
 * a close_notify to clients that it refuses, too). What is not given is the default. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "server.h"

static int version(const char *words, const char *name, int otherwise) {
  const char *names[] = {"1.0", "1.1", "1.2", "1.3"};
  for (int i = 0; i < 4; i++)
    if (is(words, name, names[i])) return TLS1_VERSION + i;
  return otherwise;
}

static void serve_with(void *context, int socket, int close_notify) {
  WOLFSSL *ssl = wolfSSL_new(context);
  wolfSSL_set_fd(ssl, socket);
  char buffer[4096];
  if (wolfSSL_accept(ssl) == WOLFSSL_SUCCESS) {
    while (wolfSSL_read(ssl, buffer, sizeof buffer) > 0) wolfSSL_write(ssl, ANSWER, strlen(ANSWER));
    wolfSSL_shutdown(ssl);
  } else if (close_notify) {
    wolfSSL_shutdown(ssl);
  }
  wolfSSL_free(ssl);
}

static void serve(void *context, int socket) { serve_with(context, socket, 0); }

static void serve_and_close(void *context, int socket) { serve_with(context, socket, 1); }

static void add_group(void *with, const char *number) {
  int *groups = with;
  groups[++groups[0]] = strtol(number, NULL, 0);
}

static void start(const char *words) {
  WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfSSLv23_server_method());
  must(context != NULL, "wolfSSL_CTX_new");
  must(wolfSSL_CTX_set_min_proto_version(context, version(words, "min", TLS1_2_VERSION)) == WOLFSSL_SUCCESS, "min");
  must(wolfSSL_CTX_set_max_proto_version(context, version(words, "max", TLS1_3_VERSION)) == WOLFSSL_SUCCESS, "max");
  char *suites = option(words, "suites"), *groups = option(words, "groups");
  if (suites) {
    for (char *comma = suites; (comma = strchr(comma, ','));) *comma = ':';
    must(wolfSSL_CTX_set_cipher_list(context, suites) == WOLFSSL_SUCCESS, "suites");
  }
  if (groups) {
    int list[32] = {0};
    each(groups, add_group, list);
    must(wolfSSL_CTX_set_groups(context, list + 1, list[0]) == WOLFSSL_SUCCESS, "groups");
  }
  if (is(words, "order", "client")) must(wolfSSL_CTX_UseClientSuites(context) == 0, "order");
  if (is(words, "anonymous", "on")) must(wolfSSL_CTX_allow_anon_cipher(context) == WOLFSSL_SUCCESS, "anonymous");
  if (option(words, "cert")) {
    must(wolfSSL_CTX_use_certificate_chain_file(context, option(words, "cert")) == WOLFSSL_SUCCESS, "cert");
    must(wolfSSL_CTX_use_PrivateKey_file(context, option(words, "key"), WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, "key");
  }
  if (option(words, "dhparam"))
    must(wolfSSL_CTX_SetTmpDH_file(context, option(words, "dhparam"), WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, "dhparam");
  if (option(words, "ca")) must(wolfSSL_CTX_load_verify_locations(context, option(words, "ca"), NULL) == WOLFSSL_SUCCESS, "ca");
  int verify = WOLFSSL_VERIFY_NONE;
  if (is(words, "client", "request")) verify = WOLFSSL_VERIFY_PEER;
  if (is(words, "client", "require")) verify = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  wolfSSL_CTX_set_verify(context, verify, NULL);
  wolfSSL_CTX_set_session_cache_mode(context, is(words, "cache", "off") ? WOLFSSL_SESS_CACHE_OFF : WOLFSSL_SESS_CACHE_SERVER);
  if (is(words, "tickets", "off")) wolfSSL_CTX_set_options(context, WOLFSSL_OP_NO_TICKET);
  if (is(words, "renegotiation", "on")) must(wolfSSL_CTX_UseSecureRenegotiation(context) == WOLFSSL_SUCCESS, "renegotiation");
  listen_for(words, context, is(words, "close_notify", "on") ? serve_and_close : serve);
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  wolfSSL_Init();
  for (int i = 1; i < count; i++) start(words[i]);
  pause();
}
