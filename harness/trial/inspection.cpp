#include "trial/inspection.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/pattern.hpp"
#include "scenario/properties/checkpoint_intact.hpp"
#include "scenario/properties/log_complete.hpp"
#include "target/checkpoint.hpp"
#include "target/line_splitter.hpp"
#include "trial/helper_command.hpp"
#include "trial/helper_environment.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using property::CheckpointIntact;
using property::LogComplete;

// For one file; as long as the check of the largest database may take.
constexpr auto kCommandLimit = std::chrono::seconds(20);
constexpr std::uintmax_t kMaxLog = std::uintmax_t{2} << 20;

void not_observed(const TrialContext& trial, std::string_view property, std::string reason) {
  trial.events.record(NotObserved{std::string(property), std::move(reason)});
}

// By the scenario's command: what is wrong with the copy, empty if it is intact.
asio::awaitable<Result<std::string>> inspect_by(const TrialContext& trial,
                                                const std::vector<std::string>& words,
                                                std::string copy, std::string scratch) {
  auto values = trial.placeholders;
  values["file"] = copy;
  auto command = helper_in(trial, words, values, std::move(scratch));
  command.limit = kCommandLimit;
  const auto done = co_await run_helper(trial.ends, std::move(command), trial.given_up);
  if (!done.problem.empty()) co_return Error{"inspect", copy, 0, done.problem};
  if (done.succeeded()) co_return std::string();
  const auto last_out = last_line(done.out);
  co_return last_out.empty() || !done.last_words.empty() ? done.text() : last_out;
}

struct LogTail {
  std::vector<std::string> lines;
  bool is_whole = true;
  bool has_cut_lines = false;
};

Result<LogTail> read_tail(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return Error{"read", path, error.value(), ""};
  std::ifstream in(path, std::ios::binary);
  LogTail tail;
  tail.is_whole = size <= kMaxLog;
  if (!tail.is_whole) {
    in.seekg(static_cast<std::streamoff>(size - kMaxLog));
    std::string cut_line;
    std::getline(in, cut_line);
  }
  LineSplitter splitter([&](const std::string& line, bool continues) {
    tail.has_cut_lines |= continues;
    if (!continues) tail.lines.push_back(line);
  });
  std::vector<char> buffer(64 * 1024);
  std::uintmax_t left = kMaxLog;  // it may be growing
  while (left > 0 && in) {
    in.read(buffer.data(),
            static_cast<std::streamsize>(std::min<std::uintmax_t>(buffer.size(), left)));
    const auto n = static_cast<std::size_t>(in.gcount());
    splitter.feed({buffer.data(), n});
    left -= n;
  }
  if (in.bad() || (!in && !in.eof())) return Error{"read", path, errno, ""};
  splitter.finish();
  return tail;
}

}  // namespace

asio::awaitable<void> inspect_checkpoints(const TrialContext& trial) {
  const auto& wanted = settings<CheckpointIntact>(trial.plan);
  if (!is_judged<CheckpointIntact>(trial.plan.scenario) || wanted.files.empty()) co_return;
  const auto dir = trial.order.target_folder();
  const auto scratch = trial.order.directory + "/checkpoint";
  const auto files = find_checkpoints(dir, wanted.files, wanted.format);
  for (const auto& glob : files.missing) {
    trial.events.record(CheckpointInspected{glob, "no such file"});
  }
  for (const auto& file : files.found) {
    if (trial.given_up()) break;
    auto copy = copy_checkpoint(dir + "/" + file, scratch, wanted.format);
    Result<std::string> problem = copy;
    if (copy && wanted.command.empty()) problem = inspect_checkpoint(*copy, wanted.format);
    if (copy && !wanted.command.empty()) {
      problem = co_await inspect_by(trial, wanted.command, *copy, scratch);
    }
    if (problem) {
      trial.events.record(CheckpointInspected{file, *problem});
    } else {
      trial.trouble.note_shortage(problem.error());
      not_observed(trial, CheckpointIntact::kName, problem.error().message());
    }
  }
  if (!files.problem.empty()) not_observed(trial, CheckpointIntact::kName, files.problem);
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
}

void observe_log(const TrialContext& trial) {
  const auto& wanted = settings<LogComplete>(trial.plan);
  if (!is_judged<LogComplete>(trial.plan.scenario) || wanted.lines.empty() || wanted.file.empty())
    return;
  const auto tail = read_tail(trial.order.target_folder() + "/" + wanted.file);
  if (!tail) return not_observed(trial, LogComplete::kName, tail.error().message());
  bool all = true;
  for (const auto& expression : wanted.lines) {
    const Pattern pattern(expression);
    const auto line =
        std::ranges::find_if(tail->lines, [&](const auto& text) { return pattern.found_in(text); });
    if (line != tail->lines.end()) {
      trial.events.record(Observed{std::string(LogComplete::kName), *line});
    } else {
      all = false;
    }
  }
  if (!all && !tail->is_whole) {
    not_observed(trial, LogComplete::kName,
                 "only the last 2 MiB of " + wanted.file + " were searched");
  } else if (!all && tail->has_cut_lines) {
    not_observed(trial, LogComplete::kName,
                 "only the first 8 KiB of a line of " + wanted.file + " were searched");
  }
}

}  // namespace lastcall
