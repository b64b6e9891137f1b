#!/usr/bin/env node
// An HTTP server that stops as it should, or does not: `hang.js PORT right|hangs|listens|spins|family`. `hangs`: a
// timer that nobody clears. `listens`: it hears SIGTERM and serves on; SIGQUIT would start a timer. `spins`: it never
// comes back to its event loop. `family`: a child that listens on.
const [port, how] = process.argv.slice(2);
const server = require('http').createServer((request, response) => {
  if (stopping && how !== 'listens') response.setHeader('Connection', 'close');
  response.end('ok');
});
let stopping = false;
const poll = setInterval(() => {}, 30000);

function spin() {
  for (;;) Math.random();
}

process.on('SIGTERM', () => {
  stopping = true;
  if (how === 'listens') return;
  if (how === 'spins') spin();
  server.close();
  server.closeIdleConnections();
  if (how === 'right') clearInterval(poll);
});
if (how === 'listens') {
  clearInterval(poll);
  process.on('SIGQUIT', () => setInterval(() => {}, 100000));
}
if (how === 'family') {
  clearInterval(poll);
  require('child_process').fork(__filename, ['0', 'listens']);
}
server.listen(port, '127.0.0.1', () => {
  if (port !== '0') console.log('ready');
});
