#include "rules/api/ps_args.h"

#include <algorithm>
#include <array>
#include <string>

namespace rules {
namespace {

constexpr std::array<std::string_view, 17> selections = {"aux", "-aux", "ax", "-ax", "ef", "-ef", "-e", "-f", "-l",
                                                         "-a",  "-x",   "-A", "a",   "u",  "x",   "l",  "-el"};
/// With `-o`: only these, since some format options add columns of their own.
constexpr std::array<std::string_view, 6> selections_of_list = {"-e", "-A", "-a", "-x", "ax", "-ax"};

constexpr std::array<std::string_view, 21> keywords = {"pid",  "ppid",  "pgid",   "sid",  "user", "uid",  "gid",
                                                       "time", "etime", "etimes", "%cpu", "pcpu", "%mem", "pmem",
                                                       "rss",  "vsz",   "stat",   "tty",  "nice", "ni",   "pri"};
/// Their values may hold blanks, so what stands behind them is not where the header says.
constexpr std::array<std::string_view, 7> keywords_with_blanks = {"args",  "cmd",    "comm", "command",
                                                                  "start", "lstart", "group"};

template <class List>
bool contains(const List& list, std::string_view word)
{
    return std::ranges::find(list, word) != list.end();
}

std::string_view take_until(std::string_view& text, char end)
{
    const std::string_view taken = text.substr(0, text.find(end));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return taken;
}

/// The columns of all `-o` together, in their order.
struct Columns {
    int pids = 0;
    bool blanks = false;

    bool add(std::string_view list)
    {
        if (list.empty() || list.ends_with(',')) return false;
        while (!list.empty()) {
            const std::string_view word = take_until(list, ',');
            if (word == "pid" && (blanks || ++pids > 1)) return false;
            if (contains(keywords_with_blanks, word))
                blanks = true;
            else if (!contains(keywords, word))
                return false;
        }
        return true;
    }
};

bool is_harmless(std::string_view text)
{
    Columns columns;
    bool lists = false;
    bool formats = false;
    while (!text.empty()) {
        const std::string_view word = take_until(text, ' ');
        if (word.empty()) continue;
        if (word == "-o" || word == "-eo") {
            lists = true;
            if (!columns.add(take_until(text, ' '))) return false;
        } else if (word.starts_with("-o") || word.starts_with("-eo")) {
            lists = true;
            if (!columns.add(word.substr(word.find('o') + 1))) return false;
        } else if (contains(selections, word)) {
            formats = formats || !contains(selections_of_list, word);
        } else {
            return false;
        }
    }
    return !(lists && formats);
}

}  // namespace

Result<void> check_ps_args(std::string_view text)
{
    if (is_harmless(text)) return {};
    return denied("ps-args", "ps_args", std::string(text),
                  "use `aux`, `-ef`, or `-o` with columns such as pid,ppid,user,stat,time,rss,args, the pid before any "
                  "that shows a "
                  "command or a date");
}

}  // namespace rules
