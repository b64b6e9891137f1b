// Functions that write a line each, for those who watch who comes to them.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace app {

[[gnu::noinline]] void note_opened(int connection, const char* client) {
  std::printf("connection %d of client %-5s was opened\n", connection, client);
}

[[gnu::noinline]] void note_closed() { std::puts("the last connection was closed"); }

constexpr std::array<const char*, 3> kStates{"state: accepting", "state: draining everything",
                                             "state: gone"};
[[gnu::noinline]] void note_state(std::size_t state) { std::puts(kStates.at(state)); }

[[gnu::noinline]] void note_count(std::size_t count) {
  const auto line = "drained " + std::to_string(count) + " messages in all\n";
  (void)!::write(1, line.data(), line.size());
}

}  // namespace app

int main(int argc, char**) {
  app::note_opened(argc, "anna");
  app::note_state(static_cast<std::size_t>(argc));
  app::note_count(static_cast<std::size_t>(argc));
  app::note_closed();
}
