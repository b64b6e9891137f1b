// A WebSocket server as one writes it with the package ws: `node server.mjs PORT`. Every message is
// acknowledged; SIGTERM or SIGINT closes all clients with 1001 and exits 0, or 1 if one did not close in time.
import { WebSocketServer } from 'ws';

const PATIENCE_MS = 2000; // a peer that has not closed by then will not

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) });
let stopping = false;

server.on('listening', () => console.log(`listening on ${server.address().port}`));
server.on('error', (error) => {
  console.error(error.message);
  process.exit(2);
});
server.on('connection', (client) => {
  client.on('error', (error) => console.error(error.message));
  client.on('message', (message) => client.send(`ack ${message}`));
  if (stopping) client.close(1001);
});

function stop() {
  if (stopping) return;
  stopping = true;
  console.log('stopping');
  server.close(); // accepts no more; the process ends by itself once the last client is gone
  for (const client of server.clients) client.close(1001);
  const force = setTimeout(() => {
    if (server.clients.size > 0) process.exitCode = 1;
    for (const client of server.clients) client.terminate();
  }, PATIENCE_MS);
  force.unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
