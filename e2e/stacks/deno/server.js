// Servers with the TLS of Deno, which is rustls. Each argument is the options of
// Deno.listenTls in JSON. Names of files stand for their content. Deno has no options
// for versions, suites or certificates of clients.
for (const argument of Deno.args) {
  const options = JSON.parse(argument);
  options.cert = Deno.readTextFileSync(options.cert);
  options.key = Deno.readTextFileSync(options.key);
  accept(Deno.listenTls({ hostname: '127.0.0.1', ...options }));
}

async function accept(listener) {
  while (true) {
    try {
      serve(await listener.accept());
    } catch { /* the client is gone */ }
  }
}

// serve answers each request until the client has no more.
async function serve(connection) {
  const answer = new TextEncoder().encode('HTTP/1.1 204 No Content\r\n\r\n');
  try {
    const buffer = new Uint8Array(4096);
    while (await connection.read(buffer) !== null) await connection.write(answer);
  } catch { /* the handshake failed */ }
  try {
    connection.close();
  } catch { /* it is closed */ }
}
