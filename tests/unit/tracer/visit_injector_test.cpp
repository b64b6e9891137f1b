// The Nth visit of a function is what the subject's own output says it is.
#include "tracer/points/visit_injector.hpp"

#include <gmock/gmock.h>

#include "tracer/symbols/function_names.hpp"
#include "unit/tracer/injected.hpp"

namespace lastcall::visit_injector_test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Rule = VisitInjector::Rule;

TEST(CodePlace, IsAFunctionAndHowFarBehindItsBeginning) {
  EXPECT_EQ(code_place("push"), (CodePlace{"push"}));
  EXPECT_EQ(code_place("push(int)+0x1f"), (CodePlace{"push(int)", 0x1f}));
  EXPECT_EQ(code_place("operator+"), (CodePlace{"operator+"}));
  EXPECT_EQ(code_place("push+0xyz"), (CodePlace{"push+0xyz"}));
  EXPECT_EQ(code_place("+0x1f"), (CodePlace{"+0x1f"}));
}

TEST(FunctionNames, AreMeantWithOrWithoutParametersAndScopes) {
  EXPECT_TRUE(is_named("app::SendQueue::push(int)", "SendQueue::push"));
  EXPECT_TRUE(is_named("(anonymous namespace)::push(int)", "push"));
  EXPECT_TRUE(is_named("app::push(int)", "app::push(int)"));
  EXPECT_TRUE(is_named("main.(*Pool).drain", "(*Pool).drain"));
  EXPECT_FALSE(is_named("app::SendQueue::push_all(int)", "SendQueue::push"));
  EXPECT_FALSE(is_named("app::ResendQueue::push(int)", "SendQueue::push"));
  EXPECT_FALSE(is_named("push()", ""));
}

TEST(FunctionNames, HaveAWordThatIsInEverySymbol) {
  EXPECT_EQ(word_of_symbol("SendQueue::push"), "SendQueue");
  EXPECT_EQ(word_of_symbol("std::vector<int>::push_back(int const&)"), "push_back");
  EXPECT_EQ(word_of_symbol("(anonymous namespace)::work(int)"), "work");
  EXPECT_EQ(word_of_symbol("main.(*Pool).drain"), "drain");
  EXPECT_EQ(word_of_symbol("()"), "");
}

// What a rule did, with one subject under it.
struct Visits : InjectedTest {
  std::optional<std::uint64_t> counted = 0;

  std::string run(const Rule& rule, std::vector<std::string> command,
                  const Strike& strike = nullptr) {
    return run_all({rule}, std::move(command), strike);
  }
  // Counts for the last rule.
  std::string run_all(const std::vector<Rule>& rules, std::vector<std::string> command,
                      const Strike& strike = nullptr) {
    return run_injected(
        [&](SegmentWriter& segment, Reached reached) {
          return VisitInjector(rules, segment, std::move(reached));
        },
        {}, std::move(command), strike,
        [&](const VisitInjector& injector) { counted = injector.counted(rules.back().fault); });
  }
  [[nodiscard]] std::vector<FunctionReached> reached() const { return all_of<FunctionReached>(); }
};

TEST_F(Visits, AThreadThatIsKilledAtAFunctionHasDoneNothingOfIt) {
  const auto end = run({{}, {.function = "app::note_count"}}, {kVisitsSubject},
                       [](pid_t pid) { EXPECT_EQ(::kill(pid, SIGKILL), 0); });
  EXPECT_EQ(end, "signalled 9");
  EXPECT_EQ(output, "");  // what stdio has is written at the end only
  ASSERT_THAT(reached(), SizeIs(1));
  EXPECT_THAT(reached()[0].stack, HasSubstr("app::note_count(unsigned long)\n"));
}

TEST_F(Visits, AHoldDelaysOnlyAndIsOverByItself) {
  const auto before = now();
  EXPECT_EQ(
      run({{}, {.function = "note_closed", .hold = milliseconds(300)}, true}, {kVisitsSubject}),
      "exited 0");
  EXPECT_GE(now() - before, milliseconds(300));
  EXPECT_THAT(output, HasSubstr("the last connection was closed"));
  EXPECT_THAT(reached(), SizeIs(1));
  EXPECT_EQ(counted, 1U);
}

TEST_F(Visits, AreCountedAndBeyondTheLastNotReached) {
  EXPECT_EQ(run({{}, {.function = "note_opened", .nth = 2}, true}, {kVisitsSubject}), "exited 0");
  EXPECT_THAT(reached(), IsEmpty());
  EXPECT_EQ(counted, 1U);
  EXPECT_EQ(run({{}, {.function = "note_reopened"}, true}, {kVisitsSubject}), "exited 0");
  EXPECT_EQ(counted, std::nullopt);
}

TEST_F(Visits, ThatFollowAreCountedOnceAThreadStandsAtTheRuleBefore) {
  const auto counted_after = [&](const std::string& first, const std::string& second) {
    const Rule leader{{0}, {.function = first}, true};
    const Rule follower{{1}, {.function = second, .nth = 5, .follows = true}, true};
    EXPECT_EQ(run_all({leader, follower}, {kVisitsSubject}), "exited 0");
    return counted;
  };
  EXPECT_EQ(counted_after("note_opened", "note_closed"), 1U);
  EXPECT_EQ(counted_after("note_closed", "note_opened"), 0U);
  EXPECT_EQ(counted_after("note_closed", "note_closed"), 0U);  // that visit is the leader's
}

TEST_F(Visits, AreCountedOnAfterTheOneThatIsReached) {
  EXPECT_EQ(run({{}, {.function = "puts"}, true}, {kVisitsSubject}), "exited 0");
  EXPECT_THAT(reached(), SizeIs(1));
  EXPECT_EQ(counted, 2U);  // puts() runs twice: for a state, and for the last connection
}

TEST_F(Visits, ThereIsNoneWhereNoInstructionBegins) {
  EXPECT_EQ(run({{}, {.function = "note_closed+0x1"}, true}, {kVisitsSubject}), "exited 0");
  EXPECT_EQ(counted, std::nullopt);
  EXPECT_THAT(reached(), IsEmpty());
}

TEST_F(Visits, AreThoseOfThreadsWithSuchANameOnly) {
  EXPECT_EQ(run({{}, {.function = "note_opened", .thread = "visits_*"}, true}, {kVisitsSubject}),
            "exited 0");
  EXPECT_THAT(reached(), SizeIs(1));
  EXPECT_EQ(run({{}, {.function = "note_opened", .thread = "ping"}, true}, {kVisitsSubject}),
            "exited 0");
  EXPECT_THAT(reached(), IsEmpty());
  EXPECT_EQ(counted, 0U);
}

TEST_F(Visits, AreOfLibrariesAndOfProgramsThatAShellExecutes) {
  EXPECT_EQ(
      run({{}, {.function = "puts"}, true}, {"sh", "-c", "true; " + kVisitsSubject + " && exit 0"}),
      "exited 0");
  EXPECT_THAT(counted, AllOf(::testing::Optional(Ge(1U))));
}

}  // namespace
}  // namespace lastcall::visit_injector_test
