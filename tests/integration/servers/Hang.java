// An HTTP server that stops as it should, or does not: `java Hang PORT right|hangs|monitor`. When it hangs, its shutdown
// hook waits for a latch, or for a monitor that another thread holds.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

public class Hang {
  static final CountDownLatch finished = new CountDownLatch(1);
  static final Object ledger = new Object();

  static void await() throws InterruptedException {
    finished.await();
  }

  static void close() {
    synchronized (ledger) {
      System.out.println("closed");
    }
  }

  static void keep() {
    synchronized (ledger) {
      try {
        await();
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  static void drain(String how) {
    try {
      if (how.equals("hangs")) await();
      if (how.equals("monitor")) close();
    } catch (InterruptedException e) {
      return;
    }
  }

  public static void main(String[] arguments) throws Exception {
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
    server.setExecutor(Executors.newFixedThreadPool(2));
    server.createContext("/", exchange -> {
      exchange.getRequestBody().readAllBytes();
      exchange.sendResponseHeaders(200, 2);
      exchange.getResponseBody().write("ok".getBytes());
      exchange.close();
    });
    if (arguments[1].equals("monitor")) {
      var keeper = new Thread(Hang::keep, "keeper");
      keeper.setDaemon(true);
      keeper.start();
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      server.stop(1);
      drain(arguments[1]);
    }, "drain"));
    server.start();
    System.out.println("ready");
  }
}
