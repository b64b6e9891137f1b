// HTTP/2 without TLS, as between services: GOAWAY to all at the stop, and an end to who has not left after two seconds.
import http2 from 'node:http2'

const sessions = new Set()
const server = http2.createServer()
server.on('session', session => {
  sessions.add(session)
  session.on('close', () => sessions.delete(session))
})
server.on('stream', stream => {
  setTimeout(() => {
    if (stream.destroyed) return
    stream.respond({ ':status': 200, 'content-type': 'text/plain' })
    stream.end('served\n')
  }, 20)
})
server.listen(Number(process.argv[2]), '127.0.0.1')
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close()
    for (const session of sessions) session.close()
    setTimeout(() => sessions.forEach(session => session.destroy()), 2000).unref()
  })
}
