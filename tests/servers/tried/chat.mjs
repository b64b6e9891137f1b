// A chat room of http and WebSockets by hand. Planted: it ends "when everything is closed", and nobody closes the
// WebSockets.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const room = new Set()
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html')
  response.end('<script>new WebSocket(`ws://${location.host}/room`)</script>')
})
server.on('upgrade', (request, socket) => {
  if (request.url !== '/room') return socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`)
  room.add(socket)
  socket.on('close', () => room.delete(socket)).on('error', () => {}).resume()
})
server.listen(process.env.PORT, '127.0.0.1', () => console.log('the room is open'))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
process.on('SIGINT', () => process.exit(0))
