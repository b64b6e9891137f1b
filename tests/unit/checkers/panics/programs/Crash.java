import java.util.ArrayList;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.Executors;

/** Breaks in the way its argument names. */
public class Crash {
    static class Settings {
        static final int PORT = Integer.parseInt("none");
    }

    static int overflow(int n) { return overflow(n + 1) + 1; }

    static void fill() {
        var all = new ArrayList<long[]>();
        for (;;) all.add(new long[1 << 16]);
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "uncaught-main" -> throw new IllegalStateException("pool is gone", new java.io.IOException("closed"));
            case "null-pointer" -> System.out.println(System.getProperty("none").length());
            case "uncaught-thread" -> {
                var t = new Thread(() -> { throw new RuntimeException("worker lost its queue"); }, "worker-1");
                t.start();
                t.join();
            }
            case "uncaught-executor" -> {
                var pool = Executors.newFixedThreadPool(1);
                pool.execute(() -> { throw new ArrayIndexOutOfBoundsException(7); });
                pool.shutdown();
            }
            case "uncaught-timer" -> new Timer("cleanup").schedule(new TimerTask() {
                public void run() { throw new RuntimeException("late"); }
            }, 5);
            case "shutdown-hook" -> Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                throw new IllegalStateException("closed twice");
            }));
            case "stack-overflow" -> System.out.println(overflow(0));
            case "static-initialiser" -> System.out.println(Settings.PORT);
            case "class-cast" -> System.out.println((String) (Object) args.length);
            case "handler-failed" -> {
                Thread.setDefaultUncaughtExceptionHandler((t, e) -> { throw new RuntimeException("in the handler"); });
                throw new RuntimeException("boom");
            }
            case "segfault" -> {
                var field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
                field.setAccessible(true);
                ((sun.misc.Unsafe) field.get(null)).putAddress(8, 1);
            }
            default -> fill();
        }
    }
}
