/* Servers with the TLS of Mbed TLS 2.28. The words: min and max (1.0 to 1.2), suites
 * (Mbed TLS's names), groups (its names of curves), client (request or require), ca,
 * tickets=on, cache=on, renegotiation=on. What is not given is the default. */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>

#include "server.h"

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;

struct server {
  mbedtls_ssl_config config;
  mbedtls_x509_crt chain, roots;
  mbedtls_pk_context key;
  mbedtls_ssl_cache_context cache;
  mbedtls_ssl_ticket_context tickets;
  int suites[64];
  mbedtls_ecp_group_id groups[32];
};

static void serve(void *context, int socket) {
  mbedtls_ssl_context ssl;
  mbedtls_net_context net = {socket};
  unsigned char buffer[4096];
  mbedtls_ssl_init(&ssl);
  must(mbedtls_ssl_setup(&ssl, &((struct server *)context)->config) == 0, "mbedtls_ssl_setup");
  mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
  if (mbedtls_ssl_handshake(&ssl) == 0) {
    while (mbedtls_ssl_read(&ssl, buffer, sizeof buffer) > 0)
      mbedtls_ssl_write(&ssl, (const unsigned char *)ANSWER, strlen(ANSWER));
    mbedtls_ssl_close_notify(&ssl);
  }
  mbedtls_ssl_free(&ssl);
}

static int minor(const char *words, const char *name, int otherwise) {
  const char *names[] = {"1.0", "1.1", "1.2"};
  for (int i = 0; i < 3; i++)
    if (is(words, name, names[i])) return MBEDTLS_SSL_MINOR_VERSION_1 + i;
  return otherwise;
}

static void add_suite(void *with, const char *name) {
  int *at = with;
  while (*at) at++;
  *at = mbedtls_ssl_get_ciphersuite_id(name);
  must(*at != 0, name);
}

static void add_group(void *with, const char *name) {
  mbedtls_ecp_group_id *at = with;
  while (*at) at++;
  const mbedtls_ecp_curve_info *curve = mbedtls_ecp_curve_info_from_name(name);
  must(curve != NULL, name);
  *at = curve->grp_id;
}

static void start(const char *words) {
  struct server *s = calloc(1, sizeof *s);
  mbedtls_ssl_config_init(&s->config);
  must(mbedtls_ssl_config_defaults(&s->config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) == 0, "defaults");
  mbedtls_ssl_conf_rng(&s->config, mbedtls_ctr_drbg_random, &drbg);
  int oldest = minor(words, "min", 0), newest = minor(words, "max", 0);
  if (oldest) mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, oldest);
  if (newest) mbedtls_ssl_conf_max_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, newest);

  mbedtls_x509_crt_init(&s->chain);
  mbedtls_pk_init(&s->key);
  must(mbedtls_x509_crt_parse_file(&s->chain, option(words, "cert")) == 0, "cert");
  must(mbedtls_pk_parse_keyfile(&s->key, option(words, "key"), NULL) == 0, "key");
  must(mbedtls_ssl_conf_own_cert(&s->config, &s->chain, &s->key) == 0, "own certificate");
  mbedtls_x509_crt_init(&s->roots);
  if (option(words, "ca")) {
    must(mbedtls_x509_crt_parse_file(&s->roots, option(words, "ca")) == 0, "ca");
    mbedtls_ssl_conf_ca_chain(&s->config, &s->roots, NULL);
  }
  if (is(words, "client", "request")) mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  if (is(words, "client", "require")) mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_REQUIRED);

  char *suites = option(words, "suites"), *groups = option(words, "groups");
  if (suites) {
    each(suites, add_suite, s->suites);
    mbedtls_ssl_conf_ciphersuites(&s->config, s->suites);
  }
  if (groups) {
    each(groups, add_group, s->groups);
    mbedtls_ssl_conf_curves(&s->config, s->groups);
  }
  if (is(words, "cache", "on")) {
    mbedtls_ssl_cache_init(&s->cache);
    mbedtls_ssl_conf_session_cache(&s->config, &s->cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
  }
  if (is(words, "tickets", "on")) {
    mbedtls_ssl_ticket_init(&s->tickets);
    must(mbedtls_ssl_ticket_setup(&s->tickets, mbedtls_ctr_drbg_random, &drbg, MBEDTLS_CIPHER_AES_256_GCM, 86400) == 0, "tickets");
    mbedtls_ssl_conf_session_tickets_cb(&s->config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &s->tickets);
  }
  if (is(words, "renegotiation", "on")) mbedtls_ssl_conf_renegotiation(&s->config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
  listen_for(words, s, serve);
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&drbg);
  must(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0) == 0, "seed");
  for (int i = 1; i < count; i++) start(words[i]);
  pause();
}
