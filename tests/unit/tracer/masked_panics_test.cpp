#include "tracer/runtimes/masked_panics.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/file.hpp"
#include "unit/places.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"
#include "unit/without_capability.hpp"

namespace lastcall::masked_panics_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Kind = MaskedPanic::Kind;
using Runtime = MaskedPanic::Runtime;

struct Panics : TracedTest {
  std::vector<MaskedPanic> found;
  std::vector<WatchedRuntimes> watched;
  MaskedPanics observer{[this](MaskedPanic one) { found.push_back(std::move(one)); },
                        [this](WatchedRuntimes one) { watched.push_back(std::move(one)); }};
  testing::ScratchFolder folder;

  std::string run_command(const std::vector<std::string>& command) {
    Traced subject({}, {&observer});
    subject.start(command);
    output = subject.rest();
    return subject.end();
  }
  std::string run(const std::string& program) { return run_command({kPanicsSubject, program}); }
  std::string output;

  // Whether a program that was made at `path` by this shell command is there.
  bool make(const std::string& path, const std::string& command) const {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0 &&
           std::filesystem::exists(path);
  }
  [[nodiscard]] std::vector<std::string> errors() const {
    std::vector<std::string> all;
    for (const auto& one : found) all.push_back(one.what);
    return all;
  }
};

bool has(const Stack& stack, const std::string& function) {
  return std::ranges::any_of(
      stack.frames, [&](const Frame& frame) { return frame.function.starts_with(function); });
}

std::string out_of_range(int index) {
  return "std::out_of_range: vector::_M_range_check: __n (which is " + std::to_string(index) +
         ") >= this->size() (which is 3)";
}

TEST_F(Panics, AnErrorThatACatchAllSwallowedIsFound) {
  EXPECT_EQ(run("swallowed"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(7)));
  EXPECT_EQ(found[0].runtime, Runtime::cpp);
  EXPECT_EQ(found[0].kind, Kind::programming_error);
  EXPECT_TRUE(has(found[0].stack, "app::swallow_all")) << stacks_text({found[0].stack});
  EXPECT_TRUE(has(found[0].stack, "main")) << stacks_text({found[0].stack});
}

TEST_F(Panics, AThreadThatBlocksAllSignalsIsNotDisturbed) {
  EXPECT_EQ(run("signals-blocked"), "exited 0");
  EXPECT_THAT(errors(), ElementsAre(out_of_range(15)));
}

TEST_F(Panics, WhatIsWatchedIsSaidOnceBeforeTheProgramRuns) {
  EXPECT_EQ(run("swallowed"), "exited 0");
  ASSERT_THAT(watched, SizeIs(1));
  EXPECT_EQ(watched[0].program, kPanicsSubject);
  EXPECT_THAT(watched[0].runtimes, ElementsAre("c++"));
  EXPECT_EQ(watched[0].reason, "");
}

TEST_F(Panics, NothingIsWatchedInWhatMayBeClosedToRootLater) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const testing::WithoutCapability without(CAP_SYS_PTRACE);
  EXPECT_EQ(run("swallowed"), "exited 0");
  EXPECT_THAT(errors(), IsEmpty());
  ASSERT_THAT(watched, SizeIs(1));
  EXPECT_THAT(watched[0].runtimes, IsEmpty());
  EXPECT_THAT(watched[0].reason, HasSubstr("CAP_SYS_PTRACE"));
}

TEST_F(Panics, AnOrdinaryExceptionIsFoundIfACatchAllTookIt) {
  EXPECT_EQ(run("swallowed-close"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre("std::system_error: Broken pipe"));
  EXPECT_EQ(found[0].kind, Kind::catch_all);
}

TEST_F(Panics, AnExceptionThatIsExpectedByItsTypeIsNone) {
  EXPECT_EQ(run("expected-close"), "exited 0");
  EXPECT_EQ(run("typed-ordinary"), "exited 0");
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(Panics, WhatDerivesFromALogicErrorIsOne) {
  EXPECT_EQ(run("typed-derived"), "exited 0");
  EXPECT_EQ(run("typed-two-bases"), "exited 0");
  EXPECT_EQ(run("typed-cast"), "exited 0");
  EXPECT_THAT(errors(), ElementsAre("app::BadPlan: not a plan", "app::TaggedError: two bases",
                                    "std::bad_cast"));
  for (const auto& one : found) EXPECT_EQ(one.kind, Kind::programming_error);
}

TEST_F(Panics, WhatIsThrownOnIsNotSwallowed) {
  EXPECT_EQ(run("rethrown"), "exited 0");
  EXPECT_EQ(run("handed-on"), "exited 0");
  EXPECT_EQ(run("cancelled"), "exited 0");
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(Panics, AnErrorFromAnotherThreadCountsWhereItEnds) {
  EXPECT_EQ(run("handed-on-error"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(5)));
  EXPECT_TRUE(has(found[0].stack, "app::handed_on")) << stacks_text({found[0].stack});
}

TEST_F(Panics, HandlersWithinHandlersAreToldApart) {
  EXPECT_EQ(run("nested"), "exited 0");
  EXPECT_THAT(errors(), ElementsAre(out_of_range(8), "std::system_error: Broken pipe"));
}

TEST_F(Panics, AHandlerThatExitsSwallows) {
  EXPECT_EQ(run("exit-in-handler"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(9)));
  EXPECT_TRUE(has(found[0].stack, "app::exit_in_handler")) << stacks_text({found[0].stack});
}

TEST_F(Panics, TerminateIsFoundWhateverItsHandlerDoes) {
  for (const auto* program : {"terminate", "terminate-noexcept", "terminate-uncaught"}) {
    found.clear();
    EXPECT_EQ(run(program), "exited 0");
    ASSERT_THAT(found, SizeIs(1)) << program;
    EXPECT_EQ(found[0].kind, Kind::terminate);
    EXPECT_TRUE(has(found[0].stack, "app::")) << stacks_text({found[0].stack});
    EXPECT_EQ(found[0].what,
              std::string(program) == "terminate" ? "" : "std::system_error: Broken pipe");
  }
}

TEST_F(Panics, WhatTheDefaultHandlerOfTerminateCatchesIsNotSwallowed) {
  EXPECT_EQ(run("terminate-default"), "signalled 6");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].kind, Kind::terminate);
}

TEST_F(Panics, AFaultThatIsHandledIsFound) {
  EXPECT_EQ(run("fault"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre("SIGSEGV at 0x0"));
  EXPECT_EQ(found[0].runtime, Runtime::signal);
  EXPECT_TRUE(has(found[0].stack, "app::write_nowhere")) << stacks_text({found[0].stack});
}

TEST_F(Panics, AFaultThatEndsTheProgramOrThatWasSentIsNotMasked) {
  EXPECT_EQ(run("fault-unhandled"), "signalled 11");
  EXPECT_EQ(run("fault-sent"), "exited 0");
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(Panics, AChildIsWatchedLikeItsParent) {
  EXPECT_EQ(run("fork"), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(10), out_of_range(11)));
  EXPECT_NE(found[0].stack.pid, found[1].stack.pid);
}

TEST_F(Panics, AChildMadeInAHandlerIsNotDisturbed) {
  EXPECT_EQ(run("fork-in-handler"), "exited 0");
  EXPECT_THAT(errors(), ElementsAre(out_of_range(13), out_of_range(12)));
}

TEST_F(Panics, ASpawnedProgramIsWatchedAnew) {
  EXPECT_EQ(run("spawn"), "exited 0");
  EXPECT_THAT(errors(), ElementsAre(out_of_range(14), out_of_range(7)));
  EXPECT_THAT(watched, SizeIs(2));
}

TEST_F(Panics, NothingIsLostWhenManyThreadsThrowAtOnce) {
  EXPECT_EQ(run("storm"), "exited 0");
  const auto all = errors();
  EXPECT_THAT(all, SizeIs(800));
  EXPECT_THAT(std::set(all.begin(), all.end()), SizeIs(800));
  EXPECT_EQ(std::ranges::count_if(found, [](const auto& one) { return !one.stack.frames.empty(); }),
            MaskedPanics::kMaxStacks);
}

TEST_F(Panics, AStaticProgramIsWatched) {
  const auto program = folder / "static";
  const auto source = testing::source_path("tests/unit/tracer/panics_subject.cpp");
  if (!make(program, "g++ -std=c++20 -O1 -static -o " + program + " " + source))
    GTEST_SKIP() << "no static libraries";
  EXPECT_EQ(run_command({program, "swallowed"}), "exited 0");
  EXPECT_THAT(errors(), ElementsAre(out_of_range(7)));
  EXPECT_EQ(run_command({program, "terminate-noexcept"}), "exited 0");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[1].kind, Kind::terminate);
}

constexpr const char* kPlugin = R"(
#include <vector>
int swallowed = 0;
struct AtLoad { AtLoad() { try { std::vector<int>(1).at(2); } catch (...) { ++swallowed; } } } at_load;
extern "C" void serve() { try { std::vector<int>(1).at(3); } catch (...) { ++swallowed; } }
)";
constexpr const char* kLoader = R"(
#include <dlfcn.h>
int main(int count, char **arguments) {
  if (count < 2) return 0;
  void *plugin = dlopen(arguments[1], RTLD_NOW);
  if (!plugin) return 1;
  ((void (*)(void))dlsym(plugin, "serve"))();
  dlclose(plugin);
  return 0;
}
)";

TEST_F(Panics, ARuntimeThatIsLoadedLaterIsWatchedFromItsFirstInstruction) {
  const auto plugin = folder / "plugin.so";
  const auto loader = folder / "loader";
  ASSERT_TRUE(
      make(plugin, "g++ -shared -fPIC -o " + plugin + " " + folder.write("a.cpp", kPlugin)));
  ASSERT_TRUE(make(loader, "gcc -o " + loader + " " + folder.write("a.c", kLoader)));
  EXPECT_EQ(run_command({loader}), "exited 0");
  ASSERT_THAT(watched, SizeIs(1));
  EXPECT_THAT(watched[0].runtimes, IsEmpty());
  EXPECT_THAT(watched[0].reason, HasSubstr("no entry point of the Go, Rust or C++ runtime"));
  watched.clear();
  EXPECT_EQ(run_command({loader, plugin}), "exited 0");
  ASSERT_THAT(watched, SizeIs(2));
  EXPECT_THAT(watched[1].runtimes, ElementsAre("c++"));
  EXPECT_THAT(errors(), ElementsAre(HasSubstr("(which is 2)"), HasSubstr("(which is 3)")));
}

constexpr const char* kGo = R"(
package main
import ("encoding/json"; "errors"; "fmt")
type Node struct { next *Node; value int }
//go:noinline
func index(all []int, i int) int { return all[i] }
//go:noinline
func follow(n *Node) int { return n.next.value }
//go:noinline
func divide(a, b int) int { return a / b }
//go:noinline
func give_up() { panic(errors.New("no luck")) }
func guarded(what func()) { defer func() { recover() }(); what() }
func main() {
	guarded(func() { index([]int{1, 2, 3}, 5) })
	guarded(func() { follow(&Node{}) })
	guarded(func() { divide(1, len(json.Number(""))) })
	guarded(func() { var m map[string]int; m["a"] = 1 })
	guarded(func() { var a any = 1; _ = a.(string) })
	guarded(give_up)
	guarded(func() { panic("as text") })
	_, err := json.Marshal(make(chan int))
	fmt.Println(err)
}
)";

struct GoPanics : Panics {
  bool make_go(const std::string& program, const std::string& flags,
               const std::string& first_in_path = "", const std::string& text = kGo) {
    const auto source = folder.write("a.go", text);
    return make(program, "PATH=" + first_in_path +
                             "$(ls -d /usr/lib/go-*/bin 2>/dev/null | tail -1):$PATH:"
                             "/usr/local/go/bin GOFLAGS= go build " +
                             flags + " -o " + program + " " + source);
  }
  void expect_all(const std::string& program) {
    EXPECT_EQ(run_command({program}), "exited 0");
    EXPECT_EQ(output, "json: unsupported type: chan int\n");
    EXPECT_THAT(errors(),
                ElementsAre("runtime.boundsError: index out of range [5] with length 3",
                            AllOf(StartsWith("runtime.error"),
                                  HasSubstr("invalid memory address or nil pointer dereference")),
                            "runtime.errorString: integer divide by zero",
                            HasSubstr("assignment to entry in nil map"),
                            "*runtime.TypeAssertionError", "*errors.errorString: no luck",
                            "string: as text", StartsWith("json.jsonError")));
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].runtime, Runtime::go);
      EXPECT_EQ(found[i].kind, i < 5 ? Kind::programming_error : Kind::panic) << found[i].what;
    }
    ASSERT_THAT(found, SizeIs(8));
    EXPECT_TRUE(has(found[0].stack, "main.index")) << stacks_text({found[0].stack});
    EXPECT_TRUE(has(found[5].stack, "main.give_up")) << stacks_text({found[5].stack});
    EXPECT_TRUE(has(found[7].stack, "encoding/json.")) << stacks_text({found[7].stack});
    ASSERT_FALSE(watched.empty());
    EXPECT_THAT(watched[0].runtimes, ElementsAre("go"));
  }
};

TEST_F(GoPanics, AreFoundWithTheirTypeAndText) {
  const auto program = folder / "go";
  if (!make_go(program, "")) GTEST_SKIP() << "no go";
  expect_all(program);
}

TEST_F(GoPanics, AreFoundInAStrippedProgram) {
  const auto program = folder / "go";
  if (!make_go(program, "-ldflags='-s -w'")) GTEST_SKIP() << "no go";
  expect_all(program);
}

// Such a program keeps the symbols that C may call.
TEST_F(GoPanics, AreFoundInAStrippedProgramThatCallsC) {
  const auto program = folder / "go";
  std::string text = kGo;
  const std::string imports = "import (";
  text.replace(text.find(imports), imports.size(),
               "// int one(void) { return 1; }\nimport \"C\"\n" + imports);
  text += "var one = C.one()\n";
  if (!make_go(program, "")) GTEST_SKIP() << "no go";
  std::filesystem::remove(program);
  ASSERT_TRUE(make_go(program, "-ldflags='-s -w'", "", text));
  expect_all(program);
}

TEST_F(GoPanics, AreFoundInAPositionIndependentProgram) {
  const auto program = folder / "go";
  if (!make_go(program, "-buildmode=pie")) GTEST_SKIP() << "no go";
  expect_all(program);
}

// The very file that is mapped is open to the privileged only: proc(5), "map_files".
struct WithoutMappedFiles {
  testing::WithoutCapability admin{CAP_SYS_ADMIN};
  testing::WithoutCapability restore{CAP_CHECKPOINT_RESTORE};
};

// Since 1.24 Go's own link editor writes a build id, and leaves it out of the segment of notes.
TEST_F(GoPanics, AreFoundWhereOnlyTheFilesNotesTellWhichItIs) {
  const WithoutMappedFiles without;
  for (const auto* go : {"/usr/local/go/bin:", ""}) {
    for (const auto* flags : {"", "-ldflags='-s -w'", "-ldflags='-B none'", "-buildmode=pie"}) {
      const auto program = folder / "go";
      std::filesystem::remove(program);
      if (!make_go(program, flags, go)) continue;  // none, or one that knows no -B none
      expect_all(program);
      found.clear();
      watched.clear();
    }
  }
}

void forget_segments_of_notes(const std::string& path) {
  auto bytes = *read_file(path);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    auto* at = bytes.data() + header.e_phoff + i * sizeof segment;
    std::memcpy(&segment, at, sizeof segment);
    if (segment.p_type == PT_NOTE) segment.p_type = PT_NULL;
    std::memcpy(at, &segment, sizeof segment);
  }
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_F(Panics, AreFoundWhereNoSegmentOfNotesTellsWhichFileItIs) {
  const auto program = folder / "notes";
  std::filesystem::copy_file(kPanicsSubject, program);
  forget_segments_of_notes(program);
  const WithoutMappedFiles without;
  EXPECT_EQ(run_command({program, "swallowed"}), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(7)));
  EXPECT_TRUE(has(found[0].stack, "app::swallow_all")) << stacks_text({found[0].stack});
}

TEST_F(Panics, ItIsSaidThatAProgramCouldNotBeRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const auto program = folder / "unreadable";
  std::filesystem::copy_file("/bin/true", program);
  ASSERT_EQ(::chmod(program.c_str(), 0111), 0);
  const testing::WithoutCapability override(CAP_DAC_OVERRIDE);
  const testing::WithoutCapability search(CAP_DAC_READ_SEARCH);
  EXPECT_EQ(run_command({program}), "exited 0");
  ASSERT_THAT(watched, SizeIs(1));
  EXPECT_THAT(watched[0].reason,
              StartsWith("the symbols of " + program + " could not be read: lastcall may not"));
}

// As tools that add to a program do: its program headers lie at its end, in a segment of their own.
void move_program_headers(const std::string& path) {
  constexpr std::uint64_t kPage = 4096;
  auto bytes = *read_file(path);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), bytes.data() + header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
  bytes.resize((bytes.size() + kPage - 1) / kPage * kPage);
  Elf64_Phdr own{PT_LOAD, PF_R, bytes.size(), 0, 0, 0, 0, kPage};
  for (const auto& one : segments) {
    if (one.p_type == PT_LOAD)
      own.p_vaddr = (one.p_vaddr + one.p_memsz + kPage - 1) / kPage * kPage;
  }
  own.p_paddr = own.p_vaddr;
  own.p_filesz = own.p_memsz = (segments.size() + 1) * sizeof own;
  for (auto& one : segments) {
    if (one.p_type == PT_PHDR) {
      one = own;
      one.p_type = PT_PHDR;
    }
  }
  segments.push_back(own);
  header.e_phoff = own.p_offset;
  header.e_phnum = static_cast<Elf64_Half>(segments.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.append(reinterpret_cast<const char*>(segments.data()), own.p_filesz);
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_F(Panics, AreFoundInAProgramWhoseHeadersWereMoved) {
  const auto program = folder / "moved";
  std::filesystem::copy_file(kPanicsSubject, program);
  move_program_headers(program);
  EXPECT_EQ(run_command({program, "swallowed"}), "exited 0");
  ASSERT_THAT(errors(), ElementsAre(out_of_range(7)));
  EXPECT_TRUE(has(found[0].stack, "app::swallow_all")) << stacks_text({found[0].stack});
}

constexpr const char* kRust = R"(
mod app {
  #[inline(never)]
  pub fn index(all: &[i32], i: usize) -> i32 { all[i] }
  #[inline(never)]
  pub fn unwrap(what: Option<i32>) -> i32 { what.unwrap() }
}
fn main() {
  std::panic::set_hook(Box::new(|_| {}));
  let beyond = std::env::args().count() + 5;
  let first = std::panic::catch_unwind(|| app::index(&[1, 2, 3], beyond)).is_err();
  let second = std::thread::spawn(|| app::unwrap(None)).join().is_err();
  std::process::exit(if first && second { 0 } else { 1 });
}
)";

TEST_F(Panics, ARustPanicThatIsCaughtIsFound) {
  const auto source = folder.write("a.rs", kRust);
  bool made = false;
  for (const std::string compiler : {"/usr/bin/rustc", "rustc"}) {
    const auto program = folder / "rust";
    std::filesystem::remove(program);
    if (!make(program, compiler + " -O -o " + program + " " + source)) continue;
    made = true;
    found.clear();
    watched.clear();
    EXPECT_EQ(run_command({program}), "exited 0");
    EXPECT_EQ(output, "");
    EXPECT_THAT(errors(), ElementsAre("a::app::index", "a::app::unwrap"));
    for (const auto& one : found) EXPECT_EQ(one.runtime, Runtime::rust);
    ASSERT_THAT(watched, SizeIs(1));
    EXPECT_THAT(watched[0].runtimes, ElementsAre("rust"));
  }
  if (!made) GTEST_SKIP() << "no rustc";
}

}  // namespace
}  // namespace lastcall::masked_panics_test
