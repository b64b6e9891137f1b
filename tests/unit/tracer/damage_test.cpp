// What the reading of stacks bears: memory and files that make no sense.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "base/prng.hpp"
#include "tracer/stacks/modules.hpp"
#include "tracer/stacks/stack_reader.hpp"
#include "tracer/symbols/elf_file.hpp"
#include "tracer/symbols/go_functions.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::damage_test {
namespace {

struct Draws : Prng {
  using Prng::Prng;
  std::uint64_t below(std::uint64_t limit) { return between(0, limit - 1); }
};

// The kernel's answers, with damage done to what is read of memory.
class DamagedMemory : public PtraceCalls {
 public:
  DamagedMemory(PtraceCalls& real, std::uint64_t seed) : real_(real), prng_(seed) {}
  std::size_t read_memory(pid_t pid, std::uint64_t address, std::span<std::byte> into) override {
    const auto count = real_.read_memory(pid, address, into);
    const auto words = count / sizeof(std::uint64_t);
    // One page in eight, in up to four words: most of a stack still makes sense.
    if (words == 0 || prng_.below(8) != 0) return count;
    for (auto i = prng_.below(4) + 1; i > 0; --i) {
      const auto value = prng_.below(2) == 0 ? prng_.next() : prng_.below(256);
      std::memcpy(into.data() + prng_.below(words) * sizeof value, &value, 1 + prng_.below(8));
    }
    return count;
  }
  int registers(pid_t tid, user_regs_struct& registers) override {
    const int problem = real_.registers(tid, registers);
    if (prng_.below(16) == 0) registers.rsp = prng_.next();
    if (prng_.below(16) == 0) registers.rbp = registers.rsp + prng_.below(512);
    if (prng_.below(16) == 0) registers.rip += prng_.below(4096);
    return problem;
  }
  int seize(pid_t, std::uint32_t) override { return EPERM; }
  int interrupt(pid_t) override { return EPERM; }
  std::optional<siginfo_t> wait() override { return std::nullopt; }
  void await(std::chrono::nanoseconds) override {}
  int resume(pid_t, Resume, int) override { return EPERM; }
  int set_options(pid_t, std::uint32_t) override { return EPERM; }
  int event_message(pid_t, std::uint64_t&) override { return EPERM; }
  int signal_info(pid_t, siginfo_t&) override { return EPERM; }
  int set_signal_info(pid_t, const siginfo_t&) override { return EPERM; }
  int send(pid_t, pid_t, int) override { return EPERM; }
  int syscall_entry(pid_t, SyscallEntry&) override { return EPERM; }
  int set_registers(pid_t, const user_regs_struct&) override { return EPERM; }
  int write_memory(pid_t, std::uint64_t, std::span<const std::byte>) override { return EPERM; }
  pid_t process_of(pid_t tid) override { return real_.process_of(tid); }
  bool share_memory(pid_t, pid_t) override { return false; }
  std::string status_field(pid_t, const std::string&) override { return ""; }

 private:
  PtraceCalls& real_;
  Draws prng_;
};

struct Damage : TracedTest {};

TEST_F(Damage, OfMemoryShortensStacksAtMost) {
  Traced subject;
  subject.start({kStacksSubject, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  std::size_t complete = 0;
  std::size_t ended = 0;
  subject.tracer().on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) {
      for (std::uint64_t seed = 0; seed < 300; ++seed) {
        DamagedMemory damaged(all.front().calls, seed);
        std::vector<Tracee> tracees;
        for (const auto& one : all) tracees.push_back({one.pid, one.tid, damaged});
        StackReader reader;
        for (const auto& stack : reader.stacks_of(tracees)) {
          ASSERT_LE(stack.frames.size(), 256U);
          ++(stack.ends_because.empty() ? complete : ended);
        }
      }
    });
  });
  EXPECT_GT(complete, 100U);
  EXPECT_GT(ended, 100U);
}

TEST_F(Damage, OfAFileLeavesFunctionsUnnamedAtMost) {
  testing::ScratchFolder folder;
  const auto whole = read_file(kStacksSubject);
  ASSERT_TRUE(whole);
  const auto original = ElfFile::of(ScopedFd(::open(kStacksSubject.c_str(), O_RDONLY | O_CLOEXEC)));
  ASSERT_TRUE(original);
  Elf64_Ehdr header;
  std::memcpy(&header, whole->data(), sizeof header);
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t at = 0; at < 64; ++at) addresses.push_back(header.e_entry + at * 37);
  EXPECT_EQ(original->functions_at({addresses.data(), 1}).front().name, "_start");
  Draws prng(7);
  for (int i = 0; i < 300; ++i) {
    auto bytes = *whole;
    if (i % 3 == 0) bytes.resize(prng.below(bytes.size()));
    // In the header, in the section headers at the end, or anywhere.
    for (auto left = prng.below(20); left > 0 && bytes.size() > sizeof header; --left) {
      const std::uint64_t place[] = {
          prng.below(sizeof header),
          bytes.size() - 1 - prng.below(std::min<std::size_t>(bytes.size(), 2600)),
          prng.below(bytes.size())};
      bytes[place[prng.below(3)]] = static_cast<char>(prng.next());
    }
    const auto path = folder.path() + "/damaged" + std::to_string(i);
    std::ofstream(path, std::ios::binary) << bytes;
    const auto file = ElfFile::of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
    if (!file) continue;
    EXPECT_EQ(file->functions_at(addresses).size(), addresses.size());
    (void)file->language();
  }
}

TEST_F(Damage, OfSectionHeadersLeavesAFileWithoutSections) {
  testing::ScratchFolder folder;
  const auto whole = read_file(kStacksSubject);
  ASSERT_TRUE(whole);
  Elf64_Ehdr header;
  std::memcpy(&header, whole->data(), sizeof header);
  const auto opened = [&](const std::string& name, const std::string& bytes) {
    return ElfFile::of(ScopedFd(::open(folder.write(name, bytes).c_str(), O_RDONLY | O_CLOEXEC)));
  };
  const auto cut = opened("cut", whole->substr(0, header.e_shoff + 2 * sizeof(Elf64_Shdr)));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->loaded_notes().empty());
  // As elf(5) has it of a file with more sections than e_shnum can count.
  auto bytes = *whole;
  std::memset(bytes.data() + offsetof(Elf64_Ehdr, e_shnum), 0, sizeof header.e_shnum);
  const std::uint64_t count = 0xffffffff;
  std::memcpy(bytes.data() + header.e_shoff + offsetof(Elf64_Shdr, sh_size), &count, sizeof count);
  const auto many = opened("many", bytes);
  ASSERT_TRUE(many);
  EXPECT_TRUE(many->loaded_notes().empty());
}

TEST_F(Damage, OfSmallTablesIsNoticed) {
  EXPECT_EQ(ElfFile::in_memory(""), nullptr);
  EXPECT_EQ(ElfFile::in_memory("\177ELF"), nullptr);
  const std::uint64_t address = 0x401000;
  EXPECT_TRUE(go_functions_at("", 0, {&address, 1}).empty());
  std::string table(200, '\0');
  const std::uint32_t magic = 0xfffffff1;
  std::memcpy(table.data(), &magic, sizeof magic);
  table[7] = 8;
  Draws prng(3);
  for (int i = 0; i < 20'000; ++i) {
    for (int j = 0; j < 10; ++j)
      table[8 + prng.below(table.size() - 8)] =
          static_cast<char>(prng.below(4) == 0 ? prng.next() : 0);
    (void)go_functions_at(table, 0x400000, {&address, 1});
  }
}

TEST(ElfFile, HasTheBuildIdOfItsNote) {
  const auto shell = ElfFile::of(ScopedFd(::open("/bin/sh", O_RDONLY | O_CLOEXEC)));
  const auto bytes = read_file("/bin/sh");
  ASSERT_TRUE(shell && bytes);
  EXPECT_EQ(shell->build_id().size(), 40U);
  EXPECT_EQ(shell->build_id().find_first_not_of("0123456789abcdef"), std::string::npos);
  const auto image = ElfFile::in_memory(*bytes);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->build_id(), shell->build_id());
}

TEST(ElfFile, TellsLanguagesApart) {
  const auto of = [](const std::string& path) {
    const auto file = ElfFile::of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
    return file ? file->language() : Language::other;
  };
  EXPECT_EQ(of(kStacksSubject), Language::other);
  EXPECT_EQ(of("/bin/sh"), Language::other);
  if (::access("/usr/bin/node", X_OK) == 0) {
    EXPECT_EQ(of("/usr/bin/node"), Language::node);
  }
  if (::access("/usr/bin/caddy", X_OK) == 0) {
    EXPECT_EQ(of("/usr/bin/caddy"), Language::go);
  }
}

TEST(ElfFile, OneFileIsReadOnce) {
  const auto open = [] { return ElfFile::of(ScopedFd(::open("/bin/sh", O_RDONLY | O_CLOEXEC))); };
  EXPECT_EQ(open(), open());
  EXPECT_EQ(ElfFile::of(ScopedFd(::open("/", O_RDONLY | O_CLOEXEC))), nullptr);
  EXPECT_EQ(ElfFile::of(ScopedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), nullptr);
  EXPECT_EQ(ElfFile::of(ScopedFd()), nullptr);
}

}  // namespace
}  // namespace lastcall::damage_test
