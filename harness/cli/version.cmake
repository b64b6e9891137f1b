# Writes FILE, which says which source is built: VERSION, and the commit of SOURCE unless that is tagged vVERSION.
# Run at each build; the file changes only when that does.
set(version ${VERSION})
set(git git -C ${SOURCE})
execute_process(COMMAND ${git} log -1 --format=%cd.%h --date=format:%Y%m%d --abbrev=7
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND ${git} tag --points-at HEAD OUTPUT_VARIABLE tags OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND ${git} status --porcelain --untracked-files=no
  OUTPUT_VARIABLE changes OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(commit AND NOT "${tags}" MATCHES "(^|\n)v${VERSION}($|\n)")
  string(APPEND version "+${commit}")
endif()
if(changes)
  string(APPEND version ".changed")
endif()
file(CONFIGURE OUTPUT ${FILE} CONTENT [[
namespace lastcall::cli {
extern const char* const kSourceVersion;
const char* const kSourceVersion = "@version@";
}  // namespace lastcall::cli
]] @ONLY)
