#include "trial/hang_questions.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "client/signal_handler.hpp"
#include "target/process_tree.hpp"
#include "trial/runtime_env.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

// A report takes Node some ten milliseconds; an event loop that is busy for longer than this would
// write none.
constexpr auto kReportLimit = std::chrono::seconds(1);
// Runtimes write their stacks within some milliseconds, those with thousands of threads within some
// hundred.
constexpr auto kAnswerLimit = std::chrono::milliseconds(500);
// While it writes, the next process waits so long at most.
constexpr auto kTurn = std::chrono::milliseconds(250);
// A larger report is not read, nor are more than these at one look. Node's have some hundred KiB.
constexpr std::uintmax_t kLargestReport = std::uintmax_t{16} << 20;
constexpr int kReportsAtOnce = 100;
constexpr auto kLookAtAnswer = std::chrono::milliseconds(2);
// Who reads what others write hands it on meanwhile.
constexpr auto kHandingOn = std::chrono::milliseconds(100);

std::string proc(pid_t pid, const char* file) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/" + file);
  return text ? *text : std::string();
}

std::string program_of(pid_t pid) {
  std::error_code gone;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone).filename().string();
}

bool is_node(pid_t pid) { return program_of(pid).starts_with("node"); }

// Also a server that has Python in it.
bool is_python(pid_t pid) {
  const auto program = program_of(pid);
  return program.starts_with("python") || program.starts_with("pypy") ||
         proc(pid, "maps").find("/libpython") != std::string::npos;
}

bool catches(pid_t pid, int signal) { return is_in_mask(proc(pid, "status"), "SigCgt", signal); }

std::vector<pid_t> alive() {
  std::vector<pid_t> pids;
  for (const auto& process : descendants()) {
    if (process.alive()) pids.push_back(process.pid);
  }
  return pids;
}

// Python's faulthandler writes at all of these (docs.python.org/3/library/faulthandler.html).
// Programs take SIGABRT for themselves, as gunicorn's workers do, and hardly ever the others.
int question_for(pid_t pid) {
  constexpr std::array kPython{SIGILL, SIGBUS, SIGABRT};
  if (!is_python(pid)) return SIGQUIT;
  const auto found =
      std::ranges::find_if(kPython, [pid](int signal) { return catches(pid, signal); });
  return found == kPython.end() ? SIGQUIT : *found;
}

std::string folder_of_files(pid_t pid) { return "/proc/" + std::to_string(pid) + "/fd"; }

// Whether the process has one of these open for reading, named as proc(5) does.
bool reads_any(pid_t pid, const std::set<std::string>& pipes) {
  std::error_code gone;
  for (fs::directory_iterator file(folder_of_files(pid), gone); !gone && file != end(file);
       file.increment(gone)) {
    std::error_code closed;
    const auto may = fs::symlink_status(file->path(), closed).permissions();
    if (!closed && (may & fs::perms::owner_read) != fs::perms::none &&
        pipes.contains(fs::read_symlink(file->path(), closed).string()))
      return true;
  }
  return false;
}

// In the order in which they are asked.
enum class Turn { python, other, reader };

struct Question {
  pid_t pid = 0;
  int signal = 0;
  std::pair<Turn, int> order{};
};

std::vector<Question> questions_in_order() {
  std::vector<Question> questions;
  std::set<std::string> pipes;  // in which words are to be expected
  for (const auto pid : alive()) {
    questions.push_back({.pid = pid, .signal = question_for(pid)});
    if (!catches(pid, questions.back().signal)) continue;
    for (const auto* output : {"/1", "/2"}) {
      std::error_code closed;
      const auto file = fs::read_symlink(folder_of_files(pid) + output, closed).string();
      if (file.starts_with("pipe:")) pipes.insert(file);
    }
  }
  int place = 0;
  for (auto& [pid, signal, order] : questions) {
    ++place;
    if (questions.size() > 1 && reads_any(pid, pipes)) {
      order = {Turn::reader, -place};
    } else {
      order = signal == SIGQUIT ? std::pair(Turn::other, -place) : std::pair(Turn::python, place);
    }
  }
  std::ranges::sort(questions, {}, &Question::order);
  return questions;
}

class HangQuestions {
 public:
  HangQuestions(const TrialContext& trial, Tracing* tracing, std::string reason)
      : trial_(trial), tracing_(tracing), reason_(std::move(reason)) {}

  asio::awaitable<void> ask() {
    if (trial_.given_up()) co_return;
    co_await ask_node();
    std::set<pid_t> asked;
    const auto limit = now() + kAnswerLimit;
    bool handed_on = false;
    for (const auto& question : questions_in_order()) {
      const auto pid = question.pid;
      if (question.order.first == Turn::reader && !std::exchange(handed_on, true))
        co_await until([] { return alive().empty(); }, now() + kHandingOn);
      if (trial_.given_up()) co_return;
      if (question.signal != SIGQUIT) asked.insert(pid);
      send(question.signal, pid);
      co_await until([pid] { return std::ranges::count(alive(), pid) == 0; },
                     std::min(limit, now() + kTurn));
    }
    co_await until([] { return alive().empty(); }, now() + kAnswerLimit);
    bool any = false;
    for (const auto pid : alive()) {
      if (asked.contains(pid) || !catches(pid, SIGABRT)) continue;
      any = true;
      send(SIGABRT, pid);
    }
    if (any) co_await until([] { return alive().empty(); }, now() + kAnswerLimit);
  }

 private:
  void send(int signal, pid_t pid) {
    if (sent_.insert(signal).second) {
      if (tracing_ != nullptr) tracing_->force_by(signal);
      trial_.events.record(TargetForced{signal, reason_});
    }
    (void)::kill(pid, signal);
  }

  asio::awaitable<void> until(std::function<bool()> holds, TimePoint limit) {
    asio::steady_timer timer(trial_.io);
    while (!trial_.given_up() && now() < limit && !holds()) {
      timer.expires_after(kLookAtAnswer);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  asio::awaitable<void> ask_node() {
    std::set<pid_t> asked;
    for (const auto pid : alive()) {
      if (is_node(pid) && catches(pid, kNodeReportSignal)) asked.insert(pid);
    }
    for (const auto pid : asked) send(kNodeReportSignal, pid);
    // In a PID namespace of its own it gives itself another number.
    std::size_t answers = 0;
    std::set<pid_t> silent = asked;
    const auto take = [&] {
      for (const auto& report : take_reports()) {
        ++answers;
        silent.erase(report.pid);
        for (const auto& kept : report.kept) trial_.events.record(kept);
      }
      return answers >= asked.size();
    };
    co_await until(take, now() + kReportLimit);
    for (const auto pid : silent) {
      if (answers++ >= asked.size()) break;
      if (std::ranges::count(alive(), pid) > 0) trial_.events.record(KeptAlive{pid, "", ""});
    }
  }

  // Those that are complete; they are removed.
  [[nodiscard]] std::vector<NodeReport> take_reports() const {
    std::vector<NodeReport> reports;
    std::error_code ec;
    int looked = 0;
    for (const auto& entry : fs::directory_iterator(trial_.placeholders.at("dir"), ec)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with("report.") || !name.ends_with(".json")) continue;
      if (++looked > kReportsAtOnce) break;
      const auto text = read_regular(entry.path().string(), kLargestReport);
      auto report = text ? node_report(*text) : std::nullopt;
      if (!report) continue;
      std::error_code ignored;
      fs::remove(entry.path(), ignored);
      reports.push_back(std::move(*report));
    }
    return reports;
  }

  const TrialContext& trial_;
  Tracing* tracing_;
  std::string reason_;
  std::set<int> sent_;
};

}  // namespace

asio::awaitable<void> ask_where_it_stands(const TrialContext& trial, Tracing* tracing,
                                          std::string reason) {
  HangQuestions questions(trial, tracing, std::move(reason));
  co_await questions.ask();
}

}  // namespace lastcall
