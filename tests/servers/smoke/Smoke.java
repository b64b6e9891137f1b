// What a Java program may notice of its surroundings: signals, children, hooks at its end, sockets, selectors, threads,
// files and processor time. Prints "ok NAME" or "not ok NAME" a case; each must end the same way below a tracer as
// without one. With words: one role, or these cases only.
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;

public class Smoke {
  interface Case { void run() throws Exception; }

  static final Map<String, Case> CASES = new LinkedHashMap<>();

  static void expect(Object wanted, Object found) {
    if (!Objects.equals(wanted, found)) throw new AssertionError("expected " + wanted + ", found " + found);
  }

  static ProcessBuilder java(String... words) {
    List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xshare:auto",
        "-XX:TieredStopAtLevel=1", "-XX:-CreateCoredumpOnCrash", "-cp", System.getProperty("java.class.path"), "Smoke"));
    command.addAll(List.of(words));
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  static Process sh(String script) throws IOException {
    return new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).start();
  }

  static String said(Process child) throws IOException { return new String(child.getInputStream().readAllBytes()); }

  // A child of ours in this role, once it says "ready".
  static Process ready(String role) throws IOException {
    Process child = java(role).start();
    int c;
    StringBuilder line = new StringBuilder();
    while ((c = child.getInputStream().read()) != '\n' && c >= 0) line.append((char) c);
    expect("ready", line.toString());
    return child;
  }

  static void kill(String signal, long pid) throws Exception { expect(0, sh("kill -" + signal + " " + pid).waitFor()); }

  static void takes(String signal) throws Exception {
    CountDownLatch came = new CountDownLatch(1);
    sun.misc.Signal name = new sun.misc.Signal(signal);
    sun.misc.SignalHandler before = sun.misc.Signal.handle(name, s -> came.countDown());
    try {
      sun.misc.Signal.raise(name);
      came.await();
    } finally {
      sun.misc.Signal.handle(name, before);
    }
  }

  static void role(String role) throws Exception {
    switch (role) {
      case "hook" -> Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
      case "halts" -> Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(9)));
      case "handler" -> sun.misc.Signal.handle(new sun.misc.Signal("TERM"), s -> System.exit(5));
      case "throws" -> throw new IllegalStateException("wanted");
      case "exits" -> System.exit(3);
      default -> { }
    }
    System.out.println("ready");
    Thread.sleep(100_000);
  }

  static {
    for (String signal : List.of("TERM", "INT", "HUP", "USR2", "WINCH", "CONT"))
      CASES.put("SIG" + signal + " reaches its handler", () -> takes(signal));
    CASES.put("a hundred signals, one after the other", () -> { for (int i = 0; i < 100; ++i) takes("USR2"); });
    CASES.put("the exit code of System.exit", () -> expect(3, java("exits").start().waitFor()));
    CASES.put("the exit code of an uncaught exception", () -> {
      Process child = java("throws").start();
      String words = said(child);
      expect(true, words.contains("IllegalStateException: wanted"));
      expect(1, child.waitFor());
    });
    for (String[] one : new String[][] {{"TERM", "143"}, {"INT", "130"}, {"HUP", "129"}, {"KILL", "137"}})
      CASES.put("a JVM ends by SIG" + one[0] + " with " + one[1], () -> {
        Process child = ready("waits");
        kill(one[0], child.pid());
        expect(Integer.valueOf(one[1]), child.waitFor());
      });
    CASES.put("a shutdown hook runs at SIGTERM", () -> {
      Process child = ready("hook");
      kill("TERM", child.pid());
      expect("hook\n", said(child));
      expect(143, child.waitFor());
    });
    CASES.put("a shutdown hook that halts decides the exit code", () -> {
      Process child = ready("halts");
      kill("TERM", child.pid());
      expect(9, child.waitFor());
    });
    CASES.put("a handler decides the exit code", () -> {
      Process child = ready("handler");
      kill("TERM", child.pid());
      expect(5, child.waitFor());
    });
    CASES.put("SIGQUIT prints the threads, and the JVM goes on", () -> {
      Process child = ready("waits");
      kill("QUIT", child.pid());
      BufferedReader lines = child.inputReader();
      while (!lines.readLine().startsWith("Full thread dump")) { }
      expect(true, child.isAlive());
      child.destroyForcibly();
    });
    CASES.put("destroy() is SIGTERM, destroyForcibly() SIGKILL", () -> {
      Process one = sh("exec sleep 100");
      one.destroy();
      expect(143, one.waitFor());
      Process other = sh("exec sleep 100");
      other.destroyForcibly();
      expect(137, other.waitFor());
    });
    CASES.put("exit codes of children", () -> { for (int i = 0; i < 20; ++i) expect(i, sh("exit " + i).waitFor()); });
    CASES.put("thirty children at once", () -> {
      List<Process> children = new ArrayList<>();
      for (int i = 0; i < 30; ++i) children.add(sh("echo " + i));
      for (int i = 0; i < 30; ++i) expect(i + "\n", said(children.get(i)));
    });
    CASES.put("a megabyte through the pipes of a child", () -> {
      Process child = new ProcessBuilder("cat").start();
      CompletableFuture<Integer> size = CompletableFuture.supplyAsync(() -> {
        try { return said(child).length(); } catch (IOException problem) { throw new UncheckedIOException(problem); }
      });
      try (OutputStream out = child.getOutputStream()) { out.write(new byte[1 << 20]); }
      expect(1 << 20, size.get());
    });
    CASES.put("what cannot be executed is an IOException", () -> {
      try {
        new ProcessBuilder("/nonexistent").start();
        throw new AssertionError("it was started");
      } catch (IOException problem) {
        expect(true, problem.getMessage().contains("error=2"));
      }
    });
    CASES.put("onExit() and the handles of children", () -> {
      Process child = sh("read line");
      expect(true, ProcessHandle.current().children().anyMatch(one -> one.pid() == child.pid()));
      CompletableFuture<Process> end = child.onExit();
      child.getOutputStream().close();
      expect(1, end.get().exitValue());
      expect(false, child.isAlive());
    });
    CASES.put("a server with a thread a connection", () -> {
      try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
        List<Future<Integer>> answers = new ArrayList<>();
        ExecutorService clients = Executors.newCachedThreadPool();
        for (int i = 0; i < 20; ++i)
          answers.add(clients.submit(() -> {
            try (Socket client = new Socket(server.getInetAddress(), server.getLocalPort())) {
              client.getOutputStream().write('x');
              return client.getInputStream().read() + client.getInputStream().read();
            }
          }));
        for (int i = 0; i < 20; ++i) {
          try (Socket one = server.accept()) { one.getOutputStream().write(one.getInputStream().read()); }
        }
        for (Future<Integer> one : answers) expect('x' - 1, one.get());
        clients.shutdown();
      }
    });
    CASES.put("close() ends an accept() of another thread", () -> {
      ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      FutureTask<String> accepting = new FutureTask<>(() -> {
        try { server.accept(); return "accepted"; } catch (SocketException problem) { return problem.getMessage(); }
      });
      Thread thread = new Thread(accepting);
      thread.start();
      Thread.sleep(50);
      server.close();
      expect("Socket closed", accepting.get());
    });
    CASES.put("a read of a socket runs out of time", () -> {
      try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
           Socket client = new Socket(server.getInetAddress(), server.getLocalPort())) {
        client.setSoTimeout(30);
        try {
          client.getInputStream().read();
          throw new AssertionError("it was answered");
        } catch (SocketTimeoutException wanted) { }
      }
    });
    CASES.put("who connects to a port that is closed is refused", () -> {
      ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      server.close();
      try {
        new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort()).close();
        throw new AssertionError("it was accepted");
      } catch (ConnectException wanted) { }
    });
    CASES.put("a selector accepts, reads and wakes up", () -> {
      try (Selector selector = Selector.open(); ServerSocketChannel server = ServerSocketChannel.open()) {
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        expect(0, selector.select(20));
        Thread waker = new Thread(selector::wakeup);
        waker.start();
        expect(0, selector.select());
        waker.join();
        try (SocketChannel client = SocketChannel.open(server.getLocalAddress())) {
          expect(1, selector.select());
          selector.selectedKeys().clear();
          SocketChannel accepted = server.accept();
          accepted.configureBlocking(false).register(selector, SelectionKey.OP_READ);
          client.write(ByteBuffer.wrap("words".getBytes()));
          expect(1, selector.select());
          expect(5, accepted.read(ByteBuffer.allocate(10)));
          accepted.close();
        }
      }
    });
    CASES.put("a Unix socket", () -> {
      Path folder = Files.createTempDirectory("smoke");
      UnixDomainSocketAddress where = UnixDomainSocketAddress.of(folder.resolve("s"));
      try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
        server.bind(where);
        try (SocketChannel client = SocketChannel.open(where); SocketChannel accepted = server.accept()) {
          client.write(ByteBuffer.wrap("words".getBytes()));
          expect(5, accepted.read(ByteBuffer.allocate(10)));
        }
      }
      Files.delete(where.getPath());
      Files.delete(folder);
    });
    CASES.put("a datagram", () -> {
      try (DatagramSocket receiver = new DatagramSocket(0, InetAddress.getLoopbackAddress());
           DatagramSocket sender = new DatagramSocket()) {
        sender.send(new DatagramPacket(new byte[5], 5, receiver.getLocalSocketAddress()));
        DatagramPacket packet = new DatagramPacket(new byte[10], 10);
        receiver.receive(packet);
        expect(5, packet.getLength());
      }
    });
    CASES.put("an interrupt ends a sleep, and a park", () -> {
      for (Case wait : List.<Case>of(() -> Thread.sleep(100_000), LockSupport::park)) {
        CountDownLatch over = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
          try { wait.run(); } catch (Exception wanted) { }
          over.countDown();
        });
        thread.start();
        thread.interrupt();
        over.await();
        thread.join();
      }
    });
    CASES.put("two hundred threads count", () -> {
      AtomicInteger count = new AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 200; ++i) threads.add(new Thread(count::incrementAndGet));
      for (Thread one : threads) one.start();
      for (Thread one : threads) one.join();
      expect(200, count.get());
    });
    CASES.put("a condition ends at its time and at a signal", () -> {
      ReentrantLock lock = new ReentrantLock();
      Condition condition = lock.newCondition();
      lock.lock();
      expect(false, condition.await(20, TimeUnit.MILLISECONDS));
      Thread other = new Thread(() -> { lock.lock(); condition.signal(); lock.unlock(); });
      other.start();
      expect(true, condition.await(100, TimeUnit.SECONDS));
      lock.unlock();
      other.join();
    });
    CASES.put("a null pointer is an exception, although it is SIGSEGV", () -> {
      int[] array = System.nanoTime() == 0 ? new int[1] : null;
      for (int i = 0; i < 20_000; ++i) {
        try {
          array[0] = 1;
          throw new AssertionError("it was written");
        } catch (NullPointerException wanted) { }
      }
    });
    CASES.put("a stack that overflows is an error, and the thread goes on", () -> {
      for (int i = 0; i < 3; ++i) {
        try {
          deeper(0);
          throw new AssertionError("it did not overflow");
        } catch (StackOverflowError wanted) { }
      }
    });
    CASES.put("garbage is collected, and safepoints are met", () -> {
      List<byte[]> kept = new ArrayList<>();
      for (int i = 0; i < 200; ++i) {
        kept.add(new byte[1 << 18]);
        if (kept.size() > 20) kept.clear();
      }
      System.gc();
    });
    CASES.put("files: written, moved, locked, watched", () -> {
      Path folder = Files.createTempDirectory("smoke");
      try (WatchService watcher = folder.getFileSystem().newWatchService()) {
        folder.register(watcher, StandardWatchEventKinds.ENTRY_CREATE);
        Path one = Files.writeString(folder.resolve("a"), "words");
        expect("a", watcher.take().pollEvents().get(0).context().toString());
        Path other = Files.move(one, folder.resolve("b"), StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel channel = FileChannel.open(other, StandardOpenOption.WRITE); FileLock lock = channel.lock()) {
          expect(true, lock.isValid());
        }
        expect("words", Files.readString(other));
        Files.delete(other);
      }
      Files.delete(folder);
    });
  }

  static int deeper(int depth) { return deeper(depth + 1) + 1; }

  public static void main(String[] words) throws Exception {
    if (words.length == 1 && !CASES.containsKey(words[0])) {
      role(words[0]);
      return;
    }
    int failed = 0;
    for (Map.Entry<String, Case> one : CASES.entrySet()) {
      if (words.length > 0 && !List.of(words).contains(one.getKey())) continue;
      try {
        one.getValue().run();
        System.out.println("ok " + one.getKey());
      } catch (Throwable problem) {
        ++failed;
        System.out.println("not ok " + one.getKey());
        problem.printStackTrace(System.out);
      }
    }
    System.exit(failed > 0 ? 1 : 0);
  }
}
