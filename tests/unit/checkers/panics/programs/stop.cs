// Stops on SIGTERM.
using System;
using System.Threading;

public static class Stop {
  public static void Main() {
    var stopping = new ManualResetEvent(false);
    AppDomain.CurrentDomain.ProcessExit += (s, e) => {
      Console.WriteLine("info: Microsoft.Hosting.Lifetime[0]\n      Application is shutting down...");
      stopping.Set();
    };
    Console.WriteLine("info: listening. Press Ctrl+C to terminate.");
    try { Boom(); } catch (InvalidOperationException e) { Console.WriteLine("warn: handled " + e); }
    stopping.WaitOne();
  }
  static void Boom() { throw new InvalidOperationException("aborted"); }
}
