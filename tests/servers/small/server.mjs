// A small HTTP server: `node server.mjs MODE PORT`. What each MODE is, right or wrong, says ../strangers.py.
import http from 'node:http';

const [mode, port] = process.argv.slice(2);
let stopping = false;
const server = http.createServer((request, response) => {
  if (stopping) response.setHeader('Connection', 'close');
  response.end('ok');
});
const heartbeat = setInterval(() => {}, 1000);

async function flush() {
  throw new Error('cannot write statistics');
}

// As NestJS stops: the signal ends it in the end.
function raiseAgain() {
  process.removeListener('SIGTERM', stop);
  process.kill(process.pid, 'SIGTERM');
}

function stop() {
  stopping = true;
  server.close(mode === 'again_node' ? raiseAgain : undefined);
  server.closeIdleConnections();
  if (mode !== 'forgotten_timer') clearInterval(heartbeat);
  if (mode === 'rejection') flush(); // nobody waits for it
}

if (mode !== 'no_handler_node') process.on('SIGTERM', stop);
server.listen(Number(port), '127.0.0.1');
