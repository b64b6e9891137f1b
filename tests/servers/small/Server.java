// A small HTTP server, a thread a connection: `java Server MODE PORT`. What each MODE is, right or wrong, says
// ../strangers.py.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import sun.misc.Signal;

class Server {
    static final Object orders = new Object();
    static final Object accounts = new Object();
    static final Map<Socket, Thread> connections = new ConcurrentHashMap<>();

    static void settle(Object first, Object second, CountDownLatch both) {
        synchronized (first) {
            both.countDown();
            try {
                both.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            synchronized (second) {
                System.out.println("settled");
            }
        }
    }

    static void answer(Socket connection) {
        try (connection) {
            var lines = new BufferedReader(new InputStreamReader(connection.getInputStream()));
            for (String line; (line = lines.readLine()) != null; ) {
                if (line.isEmpty())
                    connection.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".getBytes());
            }
        } catch (IOException e) {
            // The client is gone.
        }
    }

    // What was read is answered all the same.
    static void readNoMore(Socket connection) {
        try {
            connection.shutdownInput();
        } catch (IOException e) {
            // The client is gone.
        }
    }

    static void accept(ServerSocket listener) {
        try {
            while (true) {
                var connection = listener.accept();
                var thread = new Thread(() -> answer(connection));
                connections.put(connection, thread);
                thread.start();
            }
        } catch (IOException e) {
            // The listener is closed.
        }
    }

    static void drain(ServerSocket listener, Thread accepting) {
        try {
            listener.close();
            accepting.join();
            connections.keySet().forEach(Server::readNoMore);
            for (var thread : connections.values()) thread.join();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var listener = new ServerSocket(Integer.parseInt(arguments[1]), 128, InetAddress.getLoopbackAddress());
        var accepting = new Thread(() -> accept(listener));
        if (arguments[0].equals("hooks_java")) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> drain(listener, accepting)));
            accepting.start();
            return;  // SIGTERM runs the hook, and the JVM exits with 143
        }
        var stop = new CountDownLatch(1);
        Signal.handle(new Signal("TERM"), signal -> stop.countDown());
        accepting.start();
        stop.await();
        drain(listener, accepting);
        if (arguments[0].equals("monitor_deadlock")) {
            var both = new CountDownLatch(2);
            new Thread(() -> settle(accounts, orders, both), "settling").start();
            settle(orders, accounts, both);
        }
        System.exit(0);
    }
}
