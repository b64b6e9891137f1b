// Says that it is ready and crashes soon: `crash segfault|write|divide|illegal|bus|abort|handled`. `handled`: a handler
// writes a line and sends the signal again.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void parse(volatile int* order) { *order = 1; }
static int share(int total, volatile int* among) { return total / *among; }
static void check(int balance) {
  if (balance < 0) abort();
}
static void jump(void) { __builtin_trap(); }

static void tell(int signal_number) {
  if (write(2, "oh\n", 3) < 0) _exit(1);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static int* past_the_end(void) {
  FILE* file = tmpfile();
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
}

int main(int count, char** words) {
  const char* how = count > 1 ? words[1] : "";
  static const int text = 1;
  int nobody = 0;
  puts("ready");
  fflush(stdout);
  usleep(50000);
  if (strcmp(how, "handled") == 0) signal(SIGSEGV, tell);
  if (strcmp(how, "segfault") == 0 || strcmp(how, "handled") == 0) parse((int*)16);
  if (strcmp(how, "write") == 0) parse((int*)&text);
  if (strcmp(how, "divide") == 0) return share(1, &nobody);
  if (strcmp(how, "illegal") == 0) jump();
  if (strcmp(how, "bus") == 0) parse(past_the_end());
  if (strcmp(how, "abort") == 0) check(-1);
  pause();
  return 0;
}
