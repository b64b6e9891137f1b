# A server with a handler for SIGTERM, or (`plain`) without any.
require "logger"
require "socket"
log = Logger.new($stderr)
server = TCPServer.new("127.0.0.1", 18085)
log.info("listening")
unless ARGV[0] == "plain"
  stop, stopped = IO.pipe
  trap("TERM") { stopped.write("x") }
  Thread.new do
    stop.read(1)
    log.warn("SIGTERM: aborting accept, terminating")
    server.close
  end
end
begin
  loop { server.accept.close }
rescue IOError => e
  log.info("#{e.class}: #{e.message}; no exception is lost")
end
