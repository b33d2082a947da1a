#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "broker/cli/manual.h"

namespace broker {
namespace {

/// `/job/open`; of berth itself nothing.
std::string path_of(const CLI::App& command)
{
    return command.get_parent() ? path_of(*command.get_parent()) + "/" + command.get_name() : "";
}

/// All commands, those with commands of their own before these.
void collect(const CLI::App& app, std::vector<const CLI::App*>& all)
{
    all.push_back(&app);
    for (const CLI::App* each : shown_commands(app)) collect(*each, all);
}

std::vector<std::string> words_of(const CLI::App& command)
{
    std::vector<std::string> words;
    for (const CLI::App* each : shown_commands(command)) words.push_back(each->get_name());
    for (const CLI::Option* each : command.get_options())
        if (each->get_name() != "--help-all")
            for (const std::string& name : each->get_lnames()) words.push_back("--" + name);
    return words;
}

bool takes_job(const CLI::App& command)
{
    const std::string path = path_of(command);
    return path == "/job/close" || path == "/job/show" || path == "/job/renew";
}

constexpr const char* open_jobs = "berth job list 2>/dev/null | awk 'NR > 1 { print $1 }'";

std::string bash(const CLI::App& app)
{
    std::vector<const CLI::App*> all;
    collect(app, all);
    std::string known, cases;
    for (const CLI::App* each : all) {
        const std::string path = path_of(*each);
        if (!path.empty()) known += (known.empty() ? "" : "|") + path;
        cases += fmt::format("        '{}') words='{}'", path, fmt::join(words_of(*each), " "));
        if (takes_job(*each)) cases += fmt::format("\" $({})\"", open_jobs);
        cases += " ;;\n";
    }
    return "# bash completion for berth, made by `berth completion bash`\n"
           "_berth()\n{\n"
           "    local word path= words= cur=${COMP_WORDS[COMP_CWORD]} at=1\n"
           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "        if [ \"$word\" = -- ]; then  # behind it is a command of its own\n"
           "            declare -F _command_offset >/dev/null && _command_offset $((at + 1))\n"
           "            return\n"
           "        fi\n"
           "        case $path/$word in " + known + ") path=$path/$word ;; esac\n"
           "        at=$((at + 1))\n"
           "    done\n"
           "    case $path in\n" + cases + "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
           "}\n"
           "complete -o default -F _berth berth\n";
}

std::string quoted(const std::string& text)
{
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

/// The condition under which fish is within `command`.
std::string condition_of(const CLI::App& command)
{
    if (!command.get_parent()) return "__fish_use_subcommand";
    std::string condition;
    for (const CLI::App* each = &command; each->get_parent(); each = each->get_parent())
        condition = "__fish_seen_subcommand_from " + each->get_name() + (condition.empty() ? "" : "; and " + condition);
    for (const CLI::App* each : shown_commands(command)) condition += "; and not __fish_seen_subcommand_from " + each->get_name();
    return condition;
}

std::string fish(const CLI::App& app)
{
    std::vector<const CLI::App*> all;
    collect(app, all);
    std::string text = "# fish completion for berth, made by `berth completion fish`\ncomplete -c berth -f\n";
    for (const CLI::App* each : all) {
        const std::string begin = "complete -c berth -n " + quoted(condition_of(*each));
        for (const CLI::App* inner : shown_commands(*each))
            text += begin + " -a " + inner->get_name() + " -d " + quoted(inner->get_description()) + "\n";
        for (const CLI::Option* option : each->get_options())
            for (const std::string& name : option->get_lnames())
                text += begin + " -l " + name + (option->get_type_size() == 0 ? "" : " -r -F") + " -d " + quoted(option->get_description()) + "\n";
        if (takes_job(*each)) text += begin + " -a " + quoted("(" + std::string(open_jobs) + ")") + "\n";
    }
    return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell)
{
    return shell == "bash" ? bash(app) : fish(app);
}

}  // namespace broker
