#include "search/code_point.hpp"

#include <gtest/gtest.h>

namespace lastcall::code_point_test {
namespace {

TEST(CodePoint, OwnFunctionsAreToldFromThoseOfLibraries) {
  for (const auto* own : {"main", "SendQueue::push(int)", "(anonymous namespace)::close_all()",
                          "void run<std::vector<int> >(int)", "Cache_Evicts_Test::TestBody()"})
    EXPECT_TRUE(is_own_function(own, false)) << own;
  for (const auto* other : {"std::thread::join()", "void std::swap<int>(int&, int&)", "_start",
                            "testing::UnitTest::Run()", "__libc_csu_init", "main.cold", ""})
    EXPECT_FALSE(is_own_function(other, false)) << other;
}

TEST(CodePoint, OwnFunctionsOfGoAreThoseOutsideOfItsLibrary) {
  for (const auto* own : {"main.main", "main.(*conn).ping", "example.com/cache.(*Cache).Get",
                          "cache.TestEvicts", "main.run.func1"})
    EXPECT_TRUE(is_own_function(own, true)) << own;
  for (const auto* other : {"runtime.main", "sync.(*Mutex).Lock", "internal/poll.(*FD).Read",
                            "type:.eq.main.conn", "memeqbody", "testing.tRunner", "main..inittask"})
    EXPECT_FALSE(is_own_function(other, true)) << other;
}

TEST(CodePoint, ThreadsMeetInLocksAndChannels) {
  EXPECT_TRUE(is_meeting_function("pthread_mutex_lock", false));
  EXPECT_TRUE(is_meeting_function("runtime.chansend1", true));
  EXPECT_FALSE(is_meeting_function("strlen", false));
}

TEST(CodePoint, TheBodyOfAThreadIsOwnAlsoWhereItIsPutInline) {
  EXPECT_TRUE(is_own_function(
      "std::thread::_State_impl<std::thread::_Invoker<std::tuple<main::{lambda()#1}> > "
      ">::_M_run()",
      false));
}

TEST(CodePoint, AShortNameHasNeitherParametersNorUnnamedNamespaces) {
  EXPECT_EQ(short_function_name("(anonymous namespace)::SendQueue::push(std::vector<int>)"),
            "SendQueue::push");
  EXPECT_EQ(short_function_name("main::{lambda()#1}::operator()() const"),
            "main::{lambda()#1}::operator()");
  EXPECT_EQ(short_function_name("main.(*conn).ping"), "main.(*conn).ping");
  EXPECT_EQ(short_function_name("run<void (*)(int)>(int)"), "run<void (*)(int)>");
}

TEST(CodePoint, ATextNamesItsFunctionOrElseItsFile) {
  EXPECT_EQ(point_text({.module = "/bin/p", .offset = 16, .function = "f()", .within = 0}), "f()");
  EXPECT_EQ(point_text({.module = "/bin/p", .offset = 20, .function = "f()", .within = 4}),
            "f()+0x4");
  EXPECT_EQ(point_text({.module = "/bin/p", .offset = 20}), "p+0x14");
}

}  // namespace
}  // namespace lastcall::code_point_test
