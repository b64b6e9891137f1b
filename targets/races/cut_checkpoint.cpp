// The race: the saver writes the header of a checkpoint and then the state that its checksum is of.
// Between the two the stop, which does not wait for the saver, ends the process: exit code 3.
//
// The stop itself tells: right before the exit it reads the checkpoint, as the next start would.
// The file has no name, so nothing is left of it.
//
// The mend (FIXED): the stop waits for the saver first.
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenCheckpoints = 2ms;

struct State {
  std::uint64_t sequence = 0;
  std::array<std::uint64_t, 63> counters{};

  [[nodiscard]] std::uint64_t checksum() const {
    std::uint64_t sum = sequence;
    for (const auto counter : counters) sum = sum * 31 + counter;
    return sum;
  }
};

struct Header {
  std::uint64_t sequence = 0;
  std::uint64_t checksum = 0;
};

// A file that one thread writes and others may read meanwhile.
class Checkpoint {
 public:
  explicit Checkpoint(int file) : file_(file) {}

  [[gnu::noinline]] [[nodiscard]] bool write(const State& state) const {
    const Header header{state.sequence, state.checksum()};
    return ::pwrite(file_, &header, sizeof header, 0) == sizeof header &&
           ::pwrite(file_, &state, sizeof state, sizeof header) == sizeof state;
  }

  [[gnu::noinline]] [[nodiscard]] bool is_whole() const {
    struct {
      Header header;
      State state;
    } read;
    return ::pread(file_, &read, sizeof read, 0) == sizeof read &&
           read.header.sequence == read.state.sequence &&
           read.header.checksum == read.state.checksum();
  }

 private:
  int file_;
};

std::atomic<bool> stopping = false;

void keep_saving(Checkpoint checkpoint, State state) {
  pthread_setname_np(pthread_self(), "saver");
  while (!stopping) {
    std::this_thread::sleep_for(kBetweenCheckpoints);
    ++state.sequence;
    ++state.counters[state.sequence % state.counters.size()];
    if (!checkpoint.write(state)) std::perror("checkpoint");
  }
}

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  std::FILE* file = std::tmpfile();
  const Checkpoint checkpoint(file == nullptr ? -1 : ::fileno(file));
  if (!checkpoint.write({})) {
    std::perror("checkpoint");
    return 2;
  }
  std::thread saver(keep_saving, checkpoint, State{});
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
  stopping = true;
#ifdef FIXED
  saver.join();
#else
  saver.detach();
#endif
  if (checkpoint.is_whole()) return 0;
  std::fputs("the checkpoint was cut off\n", stderr);
  return 3;
}
