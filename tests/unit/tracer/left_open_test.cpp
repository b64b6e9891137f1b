#include "tracer/left_open.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n"
    "   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 12 1\n"
    "   2: 0100007F:1F90 0100007F:9C41 08 00000000:00000005 00:00000000 00000000     0        0 13 1\n"
    "   3: 0100007F:8AE0 0100007F:1538 01 00000000:00000000 00:00000000 00000000     0        0 14 1\n"
    "garbage\n";
constexpr const char* kTcp6 =
    "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 21 1\n";
constexpr const char* kUnix =
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 31 /run/a.sock\n"
    "0000000000000000: 00000003 00000000 00000000 0001 03 32 /run/a.sock\n"
    "0000000000000000: 00000003 00000000 00000000 0001 03 33\n";

// "FAIL 3: listens on 127.0.0.1:8080", in the order found.
std::vector<std::string> judged(AtExit at, const Background& background = {}) {
  at.tcp = kTcp;
  at.tcp6 = kTcp6;
  at.unix_sockets = kUnix;
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
OpenDescriptor socket(int number, int inode, std::uint64_t unread = 0, bool peer_left = false) {
  return {.number = number,
          .target = "socket:[" + std::to_string(inode) + "]",
          .unread = unread,
          .peer_left = peer_left};
}

TEST(LeftOpenAtExit, ListenersFail) {
  EXPECT_THAT(judged(with({socket(3, 11), socket(4, 21), socket(5, 31)})),
              ElementsAre("FAIL 3: listens on 127.0.0.1:8080", "FAIL 4: listens on [::1]:80",
                          "FAIL 5: listens on /run/a.sock"));
}

TEST(LeftOpenAtExit, AcceptedConnectionsFailWhileTheyLiveOrHaveUnreadBytes) {
  const Background known{.listening = {8080}};
  EXPECT_THAT(judged(with({socket(3, 12), socket(4, 13, 5), socket(5, 13)}), known),
              ElementsAre("FAIL 3: accepted at 127.0.0.1:8080 from 127.0.0.1:40000",
                          "FAIL 4: accepted at 127.0.0.1:8080 from 127.0.0.1:40001, half closed, "
                          "5 bytes unread",
                          "warn 5: accepted at 127.0.0.1:8080 from 127.0.0.1:40001, half closed"));
  EXPECT_THAT(judged(with({socket(3, 32), socket(4, 32, 0, true), socket(5, 32, 9, true)})),
              ElementsAre("FAIL 3: accepted at /run/a.sock",
                          "warn 4: accepted at /run/a.sock, half closed",
                          "FAIL 5: accepted at /run/a.sock, half closed, 9 bytes unread"));
}

TEST(LeftOpenAtExit, OtherSocketsAreWarnedAbout) {
  EXPECT_THAT(judged(with({socket(3, 14), socket(4, 33), socket(5, 99)})),
              ElementsAre("warn 3: connected to 127.0.0.1:5432", "warn 4: socket:[33]",
                          "warn 5: socket:[99]"));
}

TEST(LeftOpenAtExit, FilesOfTheStateFailOnceWrittenAndNotSynced) {
  const Background known{.state_folder = "/var/state"};
  const auto file = [](int number, const char* path, std::optional<Synced> synced) {
    return OpenDescriptor{.number = number, .target = path, .flags = O_WRONLY, .synced = synced};
  };
  EXPECT_THAT(judged(with({file(3, "/var/state/a", Synced::no), file(4, "/var/state/b", Synced::yes),
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
                           {.number = 1, .target = "socket:[11]"},
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
  const Background known{.at_readiness = {{3, "/log"}, {4, "socket:[14]"}, {5, "socket:[11]"}}};
  EXPECT_THAT(judged(with({{.number = 3, .target = "/log"}, socket(4, 14), socket(5, 11),
                           {.number = 6, .target = "/log"}}),
                     known),
              ElementsAre("FAIL 5: listens on 127.0.0.1:8080", "warn 6: /log"));
}

TEST(LeftOpenAtExit, WhatAnotherProcessHoldsIsNotEndedByThisOne) {
  EXPECT_THAT(judged(with({socket(3, 11)}), {.held_elsewhere = {"socket:[11]"}}),
              ElementsAre("warn 3: listens on 127.0.0.1:8080, which another process holds too"));
}

TEST(LeftOpenAtExit, ChildrenFailAndThreadsAreWarnedAbout) {
  AtExit at{.children = {{7, "worker", false}, {8, "worker", true}}, .other_threads = {"a", "b"}};
  EXPECT_THAT(judged(at), ElementsAre("FAIL: child 7 (worker) is alive",
                                      "FAIL: child 8 (worker) is a zombie", "warn: 2 other threads: a, b"));
  at.children.clear();
  at.runtime_has_threads = true;
  EXPECT_THAT(judged(at), IsEmpty());
}

}  // namespace
}  // namespace lastcall
