#include "target/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Checkpoint : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const auto path = folder_.path() + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string inspect(const std::string& copy, const std::string& format) {
    const auto problem = inspect_checkpoint(copy, format);
    EXPECT_TRUE(problem);
    return problem ? *problem : "not inspected";
  }
  static std::string read(const std::string& path) {
    auto text = read_file(path);
    EXPECT_TRUE(text);
    return text ? *text : "";
  }
  std::string json(const std::string& content) { return inspect(write("a.json", content), "json"); }
  // A database of some pages.
  std::string database(const std::string& name, const std::string& journal_mode = "delete") {
    const auto path = folder_.path() + "/" + name;
    EXPECT_EQ(sqlite3_open(path.c_str(), &open_), SQLITE_OK);
    execute("PRAGMA journal_mode=" + journal_mode + "; CREATE TABLE t (x TEXT, y INTEGER);" +
            "CREATE INDEX i ON t (x); WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 "
            "FROM n WHERE v < 500) INSERT INTO t SELECT hex(randomblob(50)), v FROM n");
    return path;
  }
  void execute(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(open_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(open_);
  }
  void close() {
    sqlite3_close(open_);
    open_ = nullptr;
  }
  ~Checkpoint() override { close(); }

  testing::ScratchFolder folder_;
  sqlite3* open_ = nullptr;
};

TEST_F(Checkpoint, AWholeJsonValueIsIntact) {
  EXPECT_EQ(json(R"({"items": [1, 2]})"), "");
  EXPECT_EQ(json("[]\n\n"), "");
  EXPECT_EQ(json(std::string(900, '[') + std::string(900, ']')), "");
}
TEST_F(Checkpoint, ACutEmptyOrOverwrittenJsonFileIsNot) {
  EXPECT_THAT(json(R"({"items": [1, 2)"), HasSubstr("no whole JSON value: incomplete JSON"));
  EXPECT_THAT(json(""), StartsWith("no whole JSON value"));
  EXPECT_THAT(json("[1]]"), HasSubstr("extra data"));
  EXPECT_THAT(json("[1] [2]"), HasSubstr("extra data"));
  EXPECT_THAT(json(std::string("[1, 2") + std::string(20, '\0')), HasSubstr("no whole JSON value"));
}
TEST_F(Checkpoint, ASoundDatabaseIsIntactAndADamagedOneIsNot) {
  const auto path = database("a.db");
  close();
  EXPECT_EQ(inspect(path, "sqlite"), "");
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(8192)
      << std::string(4096, '\xff');
  EXPECT_NE(inspect(path, "sqlite"), "");
  EXPECT_THAT(inspect(write("b.db", std::string(5000, 'x')), "sqlite"),
              HasSubstr("not a database"));
}
TEST_F(Checkpoint, ACutDatabaseIsNotIntact) {
  const auto path = database("a.db");
  close();
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_NE(inspect(path, "sqlite"), "");
}
TEST_F(Checkpoint, ACopyTakesTheWriteAheadLogAlongAndTheOriginalStaysAsItWas) {
  const auto path = database("a.db", "wal");  // still open, as after a crash
  const auto before = read(path);
  const auto log = read(path + "-wal");
  ASSERT_GT(log.size(), 4096U);
  const auto copy = copy_checkpoint(path, folder_.path() + "/scratch", "sqlite");
  ASSERT_TRUE(copy);
  EXPECT_EQ(inspect(*copy, "sqlite"), "");
  EXPECT_EQ(read(path), before);
  EXPECT_EQ(read(path + "-wal"), log);
}
TEST_F(Checkpoint, FilesAreFoundByGlobAndMissingOnesNamed) {
  write("dir/state.json", "{}");
  write("dir/run/b.db", "");
  write("dir/run/b.db-wal", "");
  write("dir/other", "");
  const auto json = find_checkpoints(folder_.path() + "/dir", {"*.json", "*.yaml"}, "json");
  EXPECT_THAT(json.found, ElementsAre("state.json"));
  EXPECT_THAT(json.missing, ElementsAre("*.yaml"));
  EXPECT_EQ(json.problem, "");
  EXPECT_THAT(find_checkpoints(folder_.path() + "/dir", {"run/b*"}, "sqlite").found,
              ElementsAre("run/b.db"));
  EXPECT_NE(find_checkpoints(folder_.path() + "/none", {"*"}, "json").problem, "");
}
TEST_F(Checkpoint, FilesThatCouldNotBeLookedForAreNotMissing) {
  write("a.json", "{}");
  const auto gone = find_checkpoints(folder_ / "none", {"*.json"}, "json");
  EXPECT_THAT(gone.missing, ElementsAre("*.json"));
  const testing::FewDescriptors none(0);
  const auto unseen = find_checkpoints(folder_.path(), {"*.json"}, "json");
  EXPECT_THAT(unseen.missing, ElementsAre());
  EXPECT_THAT(unseen.problem, HasSubstr("Too many open files"));
}

TEST_F(Checkpoint, WhatCannotBeReadIsNoVerdict) {
  EXPECT_FALSE(copy_checkpoint(folder_.path() + "/none", folder_.path() + "/scratch", "json"));
  EXPECT_FALSE(inspect_checkpoint(folder_.path() + "/none", "json"));
}

}  // namespace
}  // namespace lastcall
