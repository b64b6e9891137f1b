// no-panic on what real runtimes and servers wrote: panics/*.txt, each with the words of the line
// that a person would point at in panics/first_lines.tsv, and panics/quiet/*.txt of normal stops.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <variant>

#include "base/file.hpp"
#include "unit/checkers/history_builder.hpp"
#include "unit/places.hpp"

namespace lastcall::panic_samples_test {
namespace {

using property::LoggedErrors;

namespace fs = std::filesystem;

const fs::path kPanics = testing::source_path("tests/unit/checkers/panics");

std::vector<std::string> lines_of(const fs::path& file) {
  const auto text = read_file(file);
  EXPECT_TRUE(text.has_value()) << file;
  std::vector<std::string> lines;
  std::istringstream in(text.has_value() ? *text : "");
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Name without ending → what it wrote. Never empty: a folder that moved must not pass.
std::map<std::string, std::vector<std::string>> samples_in(const fs::path& folder) {
  std::map<std::string, std::vector<std::string>> samples;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto& path = entry.path();
    if (path.extension() == ".txt") samples[path.stem()] = lines_of(path);
  }
  EXPECT_FALSE(samples.empty()) << "no samples in " << folder;
  return samples;
}

struct Judged {
  Outcome outcome;
  std::string reason;
  std::string first_line;  // of the evidence
};

// The words alone decide: the process ends as a quiet one does.
Judged judge_output(const std::vector<std::string>& lines) {
  auto story = testing::h();
  settings<property::NoPanic>(story.plan).logged = LoggedErrors::fail;
  for (const auto& line : lines) story.line(line);
  story.exited(0);
  const auto verdict = testing::verdict(story, "no-panic");
  Judged judged{verdict.outcome, verdict.reason, ""};
  if (!verdict.evidence.empty()) {
    const auto history = story.history();
    judged.first_line = std::get<TargetOutput>(history.at(verdict.evidence.front()).body).line;
  }
  return judged;
}

TEST(PanicSamples, OfEveryRuntimeFailOnTheLineThatAPersonWouldPointAt) {
  std::map<std::string, std::string> first_lines;
  for (const auto& line : lines_of(kPanics / "first_lines.tsv")) {
    const auto tab = line.find('\t');
    ASSERT_TRUE(tab != std::string::npos && tab + 1 < line.size()) << line;
    first_lines[line.substr(0, tab)] = line.substr(tab + 1);
  }
  const auto samples = samples_in(kPanics);
  std::map<std::string, int> of_runtime;
  for (const auto& [name, lines] : samples) {
    ++of_runtime[name.substr(0, name.find('-'))];
    ASSERT_TRUE(first_lines.contains(name)) << name << " is not in first_lines.tsv";
    const auto judged = judge_output(lines);
    EXPECT_EQ(judged.outcome, Outcome::fail) << name << ".txt";
    EXPECT_NE(judged.first_line.find(first_lines.at(name)), std::string::npos)
        << name << ".txt: expected a line with «" << first_lines.at(name) << "», got «"
        << judged.first_line << "»";
  }
  EXPECT_EQ(first_lines.size(), samples.size()) << "first_lines.tsv names a file that is not there";
  std::cout << samples.size() << " samples of panics:";
  for (const auto& [runtime, count] : of_runtime) std::cout << " " << runtime << " " << count;
  std::cout << "\n";
}

// What the reason says of each, and so how many errors were told apart, as a person reviewed it.
TEST(PanicSamples, AreToldByTheirMessageAndTheirOwnFrame) {
  std::map<std::string, std::string> reasons;
  for (const auto& line : lines_of(kPanics / "reasons.tsv")) {
    const auto tab = line.find('\t');
    ASSERT_NE(tab, std::string::npos) << line;
    reasons[line.substr(0, tab)] = line.substr(tab + 1);
  }
  for (const auto& [name, lines] : samples_in(kPanics)) {
    EXPECT_EQ(judge_output(lines).reason, reasons[name]) << name;
  }
}

TEST(PanicSamples, OfNormalStopsAreQuiet) {
  const auto samples = samples_in(kPanics / "quiet");
  std::size_t lines_read = 0;
  for (const auto& [name, lines] : samples) {
    lines_read += lines.size();
    const auto judged = judge_output(lines);
    EXPECT_EQ(judged.outcome, Outcome::pass)
        << name << ".txt: " << judged.reason << " «" << judged.first_line << "»";
  }
  std::cout << samples.size() << " samples of normal stops, " << lines_read << " lines\n";
}

}  // namespace
}  // namespace lastcall::panic_samples_test
