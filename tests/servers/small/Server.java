// A small HTTP server: `java Server MODE PORT`. What each MODE is, right or wrong, says ../strangers.py.
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import sun.misc.Signal;

class Server {
    static final Object orders = new Object();
    static final Object accounts = new Object();

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

    public static void main(String[] arguments) throws Exception {
        var server = HttpServer.create(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[1])), 128);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 2);
            exchange.getResponseBody().write("ok".getBytes());
            exchange.close();
        });
        ExecutorService workers = Executors.newFixedThreadPool(4);
        server.setExecutor(workers);
        var stop = new CountDownLatch(1);
        Signal.handle(new Signal("TERM"), signal -> stop.countDown());
        server.start();
        stop.await();
        server.stop(0);
        workers.shutdown();
        if (arguments[0].equals("monitor_deadlock")) {
            var both = new CountDownLatch(2);
            var settling = new Thread(() -> settle(accounts, orders, both), "settling");
            settling.start();
            settle(orders, accounts, both);
        }
        System.exit(0);
    }
}
