#include "broker/cli/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "broker/daemon/settings.h"
#include "broker/io/version.h"
#include "rules/profile/knobs.h"

namespace broker {
namespace {

/// Text as roff takes it literally.
std::string roff(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (out.empty() || out.back() == '\n')
            if (c == '.' || c == '\'') out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

std::string heading(std::string_view page, std::string_view what)
{
    const std::size_t dot = page.rfind('.');
    return fmt::format(".TH {} {} \"\" \"berth {}\" \"berth\"\n.SH NAME\n{} \\- {}\n", roff(page.substr(0, dot)), page.substr(dot + 1),
                       program_version, roff(page.substr(0, dot)), roff(what));
}

std::string literal(std::string_view text)
{
    return ".nf\n" + roff(text) + "\n.fi\n";
}

/// `berth job open`.
std::string full_name_of(const CLI::App& command)
{
    return (command.get_parent() ? full_name_of(*command.get_parent()) + " " : "") + command.get_name();
}

std::string option_text(const CLI::Option& option)
{
    const bool flag = option.get_type_size() == 0;
    std::string text =
        ".TP\n.B " + roff(option.get_name(false, true)) + (flag || option.get_positional() ? "" : " " + roff(option.get_type_name())) + "\n";
    text += roff(option.get_description());
    if (!option.get_default_str().empty()) text += " (default: " + roff(option.get_default_str()) + ")";
    if (!option.get_envname().empty()) text += " (environment: " + roff(option.get_envname()) + ")";
    return text + "\n";
}

std::string options_text(const CLI::App& command)
{
    std::string text;
    for (const CLI::Option* each : command.get_options())
        if (!each->get_group().empty() && each->get_name() != "--help" && each->get_name() != "--help-all") text += option_text(*each);
    return text;
}

std::string command_text(const CLI::App& command)
{
    const std::vector<const CLI::App*> inner = shown_commands(command);
    std::string text;
    if (inner.empty()) {
        text = ".SS " + roff(full_name_of(command)) + "\n" + roff(command.get_description()) + ".\n" + options_text(command);
        if (const std::string footer = command.get_footer(); !footer.empty()) text += ".PP\n" + literal(footer);
    }
    for (const CLI::App* each : inner) text += command_text(*each);
    return text;
}

std::string command_page(const CLI::App& app, std::string_view page)
{
    std::string text = heading(page, "a Docker of its own for every CI job, on the host's one engine");
    text += ".SH SYNOPSIS\n.B berth\n[OPTIONS] COMMAND [ARGUMENTS]\n.SH DESCRIPTION\n" + roff(app.get_description()) +
            ".\nA job gets a filtered, private Docker Engine API socket, its door; what it starts are siblings on the host's engine, seen by it "
            "alone, and all of it is gone when the job ends.\n";
    text += ".SH OPTIONS\n" + options_text(app) + ".SH COMMANDS\n";
    for (const CLI::App* each : shown_commands(app)) text += command_text(*each);
    text += ".SH EXAMPLES\n" + literal(app.get_footer());
    text += ".SH EXIT STATUS\n0: done. 1: failed, as the command says. 2: bad usage.\n.B berth run\ngives its command's.\n";
    text += ".SH FILES\n.TP\n.I " + roff(config_path) + "\nThe daemon's settings: berth.toml(5).\n.TP\n.I " + roff(Config().state_dir.string()) +
            "/berth.db\nThe ledger.\n.TP\n.I " + roff(Config().runtime_dir.string()) +
            "\nadmin.sock, and jobs/<key>/docker.sock for each open job.\n";
    return text + ".SH SEE ALSO\nberth.toml(5), berth\\-rules(5), docker(1)\n";
}

std::string settings_page(std::string_view page)
{
    std::string text = heading(page, "settings of berth's daemon");
    text +=
        ".SH DESCRIPTION\n.B berth serve\nreads\n.I " + roff(config_path) +
        "\nif it is there, or the file that \\-\\-config names. It is TOML. Every key may be left out, and so may the file; "
        "a flag of the same name, with dashes, overrides it. A key that is unknown is an error that names its line and column, and the nearest key. "
        "It is read when the daemon starts;\n.B berth config check\ntells of mistakes before.\n.SH KEYS\n";
    for (const Setting& each : settings()) {
        text += ".TP\n.B " + roff(each.key) + " = " + roff(text_of({}, each)) + "\n" + roff(each.what) + ".\n";
        for (std::size_t at = 0; at < each.choices.size(); ++at)
            text += (at == 0 ? "One of " : ", ") + roff(each.choices[at]) + (at + 1 == each.choices.size() ? ".\n" : "");
    }
    return text + ".SH SEE ALSO\nberth(1), berth\\-rules(5)\n";
}

std::string rules_page(std::string_view page)
{
    std::string text = heading(page, "what jobs may do");
    text +=
        ".SH DESCRIPTION\nA rules file is TOML. It has profiles, each a table [profile.<name>] of the keys below, and selections, which say by a "
        "job's labels which profile it gets "
        "when it names none. \\fBextends\\fP names the profile whose values hold where this one says nothing. A refusal names the key.\n.SH "
        "EXAMPLE\n" +
        literal(
            "[profile.ci]\nextends = \"default\"\nlimits.job = { memory = \"4GiB\", cpus = 2, pids = 2000 }\nimages.registries = "
            "[\"docker.io/library/*\", \"ghcr.io/us/**\"]\n\n"
            "[[select]]\nlabels = { project = \"shop/*\" }\nprofile = \"ci\"") +
        ".SH KEYS\nWhere a request and the key disagree, it is refused, or the value capped or forced, or something dropped; or the key chooses how "
        "berth behaves.\n";
    const rules::Profile defaults;
    for (const rules::Knob& knob : rules::knobs())
        text += ".TP\n.B " + roff(knob.path) + " = " + roff(rules::text_of(defaults, knob)) + "\n" + roff(knob.what) + ".\n(" +
                roff(rules::kind_of(knob)) + "; " + std::string(rules::name_of(knob.act)) + ")\n";
    return text + ".SH SEE ALSO\nberth(1), berth.toml(5)\n";
}

}  // namespace

std::vector<const CLI::App*> shown_commands(const CLI::App& app)
{
    return app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
}

std::string manual_page(const CLI::App& app, std::string_view page)
{
    if (page == "berth.1") return command_page(app, page);
    return page == "berth.toml.5" ? settings_page(page) : rules_page(page);
}

}  // namespace broker
