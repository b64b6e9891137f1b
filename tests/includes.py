"""Which files of the tree use a name and include nothing that declares it. The compiler would not tell: a unity build
compiles several files of a folder as one, and a header of the standard library happens to bring others."""
import re
from collections import defaultdict

FOLDERS = ("harness/", "reports/", "targets/", "tests/")
# Below these, a path in an #include begins.
ROOTS = ("", "harness/", "harness/embed/", "targets/", "targets/shutdown/include/", "tests/")

# Names of the standard library by the headers of which one must be there. Only those that are often forgotten, or that
# come with other headers by chance.
STANDARD = {name: headers.split() for headers, names in {
    "algorithm": "all_of any_of clamp copy count count_if equal find find_if max min none_of replace reverse sort transform",
    "array": "array to_array",
    "atomic": "atomic atomic_flag",
    "barrier": "barrier",
    "charconv": "from_chars to_chars",
    "chrono": "chrono",
    "condition_variable": "condition_variable",
    "cstring": "memchr memcmp memcpy memset strerror strlen",
    "deque": "deque",
    "exception": "current_exception exception_ptr rethrow_exception uncaught_exceptions",
    "filesystem": "filesystem",
    "fstream": "ifstream ofstream",
    "functional": "function",
    "future": "async future promise",
    "iostream": "cerr cin cout",
    "latch": "latch",
    "map": "map multimap",
    "memory": "enable_shared_from_this make_shared make_unique shared_ptr unique_ptr weak_ptr",
    "mutex": "lock_guard mutex once_flag scoped_lock unique_lock",
    "numeric": "accumulate iota",
    "optional": "nullopt optional",
    "regex": "regex regex_match regex_replace regex_search smatch",
    "set": "multiset set",
    "span": "as_bytes span",
    "sstream": "istringstream ostringstream stringstream",
    "stdexcept": "invalid_argument length_error logic_error out_of_range runtime_error",
    "string": "string to_string",
    "string_view": "string_view",
    "system_error filesystem": "errc error_code generic_category system_category system_error",
    "thread": "jthread this_thread thread",
    "tuple": "apply make_tuple tie tuple",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "variant": "get_if holds_alternative monostate variant visit",
    "vector": "vector",
}.items() for name in names.split()}

NOT_CODE = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|^\s*#[^\n]*', re.M)
EXPORTED = re.compile(r"^(?:template <[^\n]*>\s*)?(?:struct|class|enum class|enum) (\w+)\b(?![^\n{]*;)"
                      r"|^BOOST_DEFINE_FIXED_ENUM_CLASS\(\s*(\w+)"
                      r"|^inline const(?:expr)? [^\n=({]*?\b(k\w+)"
                      r"|^(?!return\b)(?:[\w:<>*&,]+ )+[*&]?(\w+)\(", re.M)
STATEMENT = re.compile(r"\b(?:and|case|co_await|co_return|co_yield|else|new|not|or|return|throw)\b")
DECLARED = re.compile(r"\b(?:struct|enum class|class|enum|union|using|namespace|typename) (?:\w*::)*(\w+)"
                      r"|[\w>\]][*&]* [*&]?(\w+) ?[(){}=;:,\[]|\bauto&? \[(\w+)")
TEST = re.compile(r"\b(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP)\(\w+, *\w+")
OUR_NAMESPACE = re.compile(r"(?<![\w:])(?:lastcall|testing|property|embed|checkers|exit_codes|shutdown)::")
USED = re.compile(r"(?<![\w.>:~])([A-Z]\w*|k[A-Z]\w*|[a-z_]\w*(?=[(<]))")


def missing_includes(texts):
    """texts: {path: text}. (path, rule, message) for each name that a file uses and does not include."""
    texts = {path: text for path, text in texts.items() if path.startswith(FOLDERS) and path.endswith((".cpp", ".hpp"))}
    code = {}
    for path, text in texts.items():
        for what, instead in (NOT_CODE, ""), (STATEMENT, "("), (TEST, ""), (OUR_NAMESPACE, ""):
            text = what.sub(instead, text)
        code[path] = text
    words = {path: set(re.findall(r"\w+", text)) for path, text in code.items()}
    ours, standard = defaultdict(set), {}
    for path, text in texts.items():
        standard[path] = set(re.findall(r"^\s*#\s*include <([^>]+)>", text, re.M))
        for header in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.M):
            ours[path] |= {root + header for root in (*ROOTS, path.rsplit("/", 1)[0] + "/") if root + header in texts}

    exporters = defaultdict(set)
    for path in texts:
        if path.endswith(".hpp"):
            names = {found[found.lastindex] for found in EXPORTED.finditer(code[path])}
            for name in names | set(re.findall(r"^#define (\w+)", texts[path], re.M)):
                exporters[name].add(path)

    for path, text in code.items():
        included, todo = set(), [path]
        while todo:
            todo += (more := ours[todo.pop()] - included)
            included |= more
        headers = standard[path].union(*(standard[header] for header in included))
        for name in sorted(set(re.findall(r"\bstd::(?:ranges::)?(\w+)", text)) & set(STANDARD)):
            if not headers & set(STANDARD[name]):
                yield path, "standard-include", f"uses std::{name} without <{STANDARD[name][0]}>"
        # What a header in between mentions, it declares itself, or it has the same fault.
        known = {path} | included
        mentioned = set().union(*(words[header] for header in included - {path}))
        declared = {found[found.lastindex] for found in DECLARED.finditer(text)}
        for name in sorted(set(USED.findall(text)) & set(exporters)):
            if not exporters[name] & known and name not in mentioned | declared:
                yield path, "own-include", f"uses {name} without {' or '.join(sorted(exporters[name]))}"
