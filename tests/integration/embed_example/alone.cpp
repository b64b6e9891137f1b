// The public header by itself: it must compile without Boost, RapidCheck and GoogleTest.
#include "lastcall/embed.hpp"

#if defined(BOOST_VERSION) || defined(BOOST_CONFIG_HPP) || defined(GTEST_API_) || defined(RC_ASSERT)
#error "lastcall/embed.hpp brings in more than the standard library"
#endif

int main() { return lastcall::embed::parse("open:0 | stop").schedule ? 0 : 1; }
