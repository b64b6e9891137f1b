// Breaks in the way its argument names.
using System;
using System.Collections.Generic;
using System.Threading;

public static class Crash {
  static int Overflow(int n) { return Overflow(n + 1) + 1; }
  static void Boom() { throw new InvalidOperationException("pool is gone", new TimeoutException("late")); }
  static void Worker() { throw new ArgumentException("worker lost its queue"); }
  static async System.Threading.Tasks.Task Task() {
    await System.Threading.Tasks.Task.Delay(5);
    Boom();
  }
  static async void Nobody() {
    await System.Threading.Tasks.Task.Delay(5);
    Boom();
  }

  public static void Main(string[] args) {
    switch (args[0]) {
      case "uncaught": Boom(); break;
      case "null-reference": ((string)null).ToString(); break;
      case "thread": var t = new Thread(Worker); t.Start(); t.Join(); break;
      case "task": Task().GetAwaiter().GetResult(); break;
      case "async-void": Nobody(); Thread.Sleep(1000); break;
      case "fail-fast": Environment.FailFast("the journal is gone"); break;
      case "stack-overflow": Console.WriteLine(Overflow(0)); break;
      case "assert": System.Diagnostics.Trace.Assert(false, "the queue is empty"); break;
      case "out-of-memory": var all = new List<byte[]>(); for (;;) all.Add(new byte[1 << 30]);
      case "segfault": System.Runtime.InteropServices.Marshal.WriteInt32(new IntPtr(8), 1); break;
    }
  }
}
