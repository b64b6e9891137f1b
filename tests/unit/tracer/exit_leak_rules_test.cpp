#include "tracer/ends/exit_leak_rules.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

namespace lastcall::exit_leak_rules_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "FAIL 3: listens on 127.0.0.1:8080", in the order found.
std::vector<std::string> judged(const AtExit& at, const Background& background = {}) {
  std::vector<std::string> all;
  for (const auto& left : left_open(at, background)) {
    all.push_back((left.severity == LeftOpen::Severity::fail ? "FAIL" : "warn") +
                  (left.descriptor < 0 ? "" : " " + std::to_string(left.descriptor)) + ": " +
                  left.text);
  }
  return all;
}
AtExit with(std::vector<OpenDescriptor> descriptors) {
  return {.descriptors = std::move(descriptors)};
}
OpenDescriptor socket(int number, std::optional<SocketState> state) {
  return {.number = number,
          .target = "socket:[" + std::to_string(number) + "]",
          .socket = std::move(state)};
}
OpenDescriptor listener(int number, const std::string& own) {
  return socket(number, SocketState{.listening = true, .own = own});
}

TEST(LeftOpenAtExit, ListenersFail) {
  EXPECT_THAT(judged(with({listener(3, "127.0.0.1:8080"), listener(4, "/run/a.sock")})),
              ElementsAre("FAIL 3: listens on 127.0.0.1:8080", "FAIL 4: listens on /run/a.sock"));
}

TEST(LeftOpenAtExit, AcceptedConnectionsFailWhileTheyLiveOrHaveUnreadBytes) {
  const Background known{.listening = {":80"}};
  const SocketState living{.connected = true, .own = "[::1]:80", .peer = "[::1]:4000"};
  const SocketState ended{.own = "[::1]:80", .peer = "[::1]:4000"};
  const SocketState unread{.own = "[::1]:80", .unread = 5};
  EXPECT_THAT(judged(with({socket(3, living), socket(4, ended), socket(5, unread)}), known),
              ElementsAre("FAIL 3: accepted at [::1]:80 from [::1]:4000",
                          "warn 4: accepted at [::1]:80 from [::1]:4000, ended by one side",
                          "FAIL 5: accepted at [::1]:80, ended by one side, 5 bytes unread"));
  EXPECT_THAT(judged(with({socket(3, SocketState{.connected = true, .own = "@name"})})),
              ElementsAre("FAIL 3: accepted at @name"));
}

TEST(LeftOpenAtExit, AListenerThatIsOpenShowsWhatWasAccepted) {
  const SocketState living{.connected = true, .own = "127.0.0.1:80", .peer = "127.0.0.1:4000"};
  EXPECT_THAT(judged(with({listener(3, "0.0.0.0:80"), socket(4, living)})),
              ElementsAre("FAIL 3: listens on 0.0.0.0:80",
                          "FAIL 4: accepted at 127.0.0.1:80 from 127.0.0.1:4000"));
}

TEST(LeftOpenAtExit, AListenerOfARelativePathMakesNoConnectionsAccepted) {
  const SocketState to_others{.connected = true, .peer = "/run/b.sock"};
  const SocketState accepted{.connected = true, .own = "run/a.sock"};
  EXPECT_THAT(judged(with({listener(3, "run/a.sock"), socket(4, to_others), socket(5, accepted)})),
              ElementsAre("FAIL 3: listens on run/a.sock", "warn 4: connected to /run/b.sock",
                          "FAIL 5: accepted at run/a.sock"));
}

TEST(LeftOpenAtExit, OtherSocketsAreWarnedAbout) {
  const SocketState to_others{
      .connected = true, .own = "127.0.0.1:4000", .peer = "127.0.0.1:5432", .unread = 3};
  EXPECT_THAT(judged(with({socket(3, to_others), socket(4, SocketState{.connected = true}),
                           socket(5, {})})),
              ElementsAre("warn 3: connected to 127.0.0.1:5432", "warn 4: socket:[4]",
                          "warn 5: socket:[5]"));
}

TEST(LeftOpenAtExit, FilesOfTheStateFailOnceWrittenAndNotSynced) {
  const Background known{.state_folder = "/var/state"};
  const auto file = [](int number, const char* path, std::optional<Synced> synced) {
    return OpenDescriptor{.number = number, .target = path, .flags = O_WRONLY, .synced = synced};
  };
  EXPECT_THAT(
      judged(with({file(3, "/var/state/a", Synced::no), file(4, "/var/state/b", Synced::yes),
                   file(5, "/var/state/c", Synced::unknown),
                   file(6, "/var/state/d (deleted)", Synced::no),
                   file(7, "/var/statement", Synced::no), file(8, "/var/state/e", {})}),
             known),
      ElementsAre("FAIL 3: /var/state/a: written and not synced", "warn 4: /var/state/b",
                  "warn 5: /var/state/c: open for writing, whether synced is not known",
                  "warn 6: /var/state/d (deleted)", "warn 7: /var/statement",
                  "warn 8: /var/state/e"));
}

TEST(LeftOpenAtExit, WhatEverybodyHasIsIgnored) {
  EXPECT_THAT(judged(with({{.number = 0, .target = "/etc/passwd"},
                           listener(1, "0.0.0.0:80"),
                           {.number = 3, .target = "anon_inode:[eventpoll]"},
                           {.number = 4, .target = "/dev/null"},
                           {.number = 5, .target = "/memfd:x (deleted)"},
                           {.number = 6, .target = "pipe:[1]", .flags = O_RDONLY},
                           {.number = 7, .target = "pipe:[1]", .flags = O_WRONLY | O_NONBLOCK}})),
              IsEmpty());
  EXPECT_THAT(judged(with({{.number = 3, .target = "/dev/shm/a"},
                           {.number = 4, .target = "pipe:[2]", .flags = O_WRONLY}})),
              ElementsAre("warn 3: /dev/shm/a", "warn 4: pipe:[2]"));
}

TEST(LeftOpenAtExit, WhatWasThereAtReadinessIsIgnoredButForWhatAStopEnds) {
  const Background known{.at_readiness = {{3, "/log"}, {4, "socket:[4]"}, {5, "socket:[5]"}}};
  EXPECT_THAT(judged(with({{.number = 3, .target = "/log"},
                           socket(4, {}),
                           listener(5, "0.0.0.0:80"),
                           {.number = 6, .target = "/log"}}),
                     known),
              ElementsAre("FAIL 5: listens on 0.0.0.0:80", "warn 6: /log"));
}

TEST(LeftOpenAtExit, WhatAnotherProcessHoldsIsNotEndedByThisOne) {
  EXPECT_THAT(judged(with({listener(3, "0.0.0.0:80")}), {.held_elsewhere = {"socket:[3]"}}),
              ElementsAre("warn 3: listens on 0.0.0.0:80, which another process holds too"));
}

TEST(LeftOpenAtExit, ChildrenFailAndThreadsAreWarnedAbout) {
  AtExit at{.children = {{7, "worker", false}, {8, "worker", true}}, .other_threads = {"a", "b"}};
  EXPECT_THAT(judged(at),
              ElementsAre("FAIL: child 7 (worker) is alive", "FAIL: child 8 (worker) is a zombie",
                          "warn: 2 other threads: a, b"));
  at.children.clear();
  at.runtime_has_threads = true;
  EXPECT_THAT(judged(at), IsEmpty());
}

}  // namespace
}  // namespace lastcall::exit_leak_rules_test
