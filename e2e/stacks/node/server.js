// Servers with the TLS of node. Each argument is the options of tls.createServer in
// JSON, with the port among them. Names of files stand for their content. What is not
// given is node's default.
'use strict';
const fs = require('node:fs');
const tls = require('node:tls');

for (const argument of process.argv.slice(2)) {
  const options = JSON.parse(argument);
  for (const name of ['cert', 'key', 'ca', 'dhparam']) {
    if (options[name]) options[name] = [].concat(options[name]).map((file) => fs.readFileSync(file));
  }
  if (options.noTickets) options.secureOptions = require('node:constants').SSL_OP_NO_TICKET;
  const server = tls.createServer(options, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
    socket.on('error', () => {});
  });
  if (options.cache) {
    const sessions = new Map();
    server.on('newSession', (id, data, done) => { sessions.set(id.toString('hex'), data); done(); });
    server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex'))));
  }
  server.on('tlsClientError', () => {});
  server.listen(options.port, '127.0.0.1');
}
