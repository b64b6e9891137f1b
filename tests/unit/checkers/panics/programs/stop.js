// An HTTP server that stops as it should on SIGTERM.
const http = require('node:http');
const server = http.createServer((request, response) => {
  if (request.url === '/fails') {
    try { JSON.parse('{'); } catch (error) { console.error('request failed:', error); }
    response.statusCode = 500;
  }
  response.end('ok\n');
});
server.listen(18082, '127.0.0.1', () => console.log('listening', server.address()));
process.on('uncaughtException', () => process.exit(1));
process.emitWarning('buffer() is deprecated', 'DeprecationWarning', 'DEP0005');
const late = Promise.reject(new Error('handled late'));
late.catch(() => {});
process.on('SIGTERM', () => {
  console.log('SIGTERM received: terminating, in-flight requests are not aborted');
  const cancelled = new AbortController();
  cancelled.signal.addEventListener('abort', () => console.log('polling aborted:', cancelled.signal.reason.name));
  cancelled.abort();
  server.closeIdleConnections();
  server.close((error) => console.log('server closed', error ?? 'without error', process.memoryUsage.rss() > 0));
});
