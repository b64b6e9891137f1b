# Writes FILE, from which ctest has an entry NAME.SUITE for each test suite of PROGRAM. Their names are in `entries` then.
# Suites and not cases: a program with sanitizers takes 40 ms of a processor to start, so 1,700 cases take a minute.
#   cmake -D PROGRAM=… -D NAME=unit.base -D FILE=… -P suites.cmake
cmake_minimum_required(VERSION 3.25)

# What would make a test program name a part of its suites only.
foreach(variable GTEST_FILTER GTEST_TOTAL_SHARDS GTEST_SHARD_INDEX)
  unset(ENV{${variable}})
endforeach()
execute_process(COMMAND ${PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed TIMEOUT 120 COMMAND_ERROR_IS_FATAL ANY)
# A suite is a line "Suite." or "Instance/Suite.", with a comment behind it in some cases. Lines of its cases are indented.
string(REGEX MATCHALL "\n[A-Za-z0-9_/]+\\." suites "\n${listed}")
if(NOT suites)
  message(FATAL_ERROR "${PROGRAM} has no tests")
endif()
set(script "")
foreach(suite ${suites})
  string(REGEX REPLACE "[\n.]" "" suite "${suite}")
  string(REPLACE "/" "." entry "${NAME}.${suite}")
  string(APPEND script "add_test(\"${entry}\" \"${PROGRAM}\" \"--gtest_filter=${suite}.*\")\n"
                       "list(APPEND entries \"${entry}\")\n")
endforeach()
file(WRITE ${FILE} "${script}")
