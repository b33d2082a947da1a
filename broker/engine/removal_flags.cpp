#include <system_error>

#include "broker/engine/redaction.h"
#include "broker/engine/removal.h"
#include "broker/host/file_flags.h"
#include "broker/io/offload.h"
#include "broker/io/log.h"

// What cannot be removed because of flags of its files (chattr +i, +a): they are taken away, in the directories that the engine has for the very
// object.
namespace broker {
namespace {

using rules::Json;

std::string text_at(const Json& inspect, const char* pointer)
{
    const Json::json_pointer at(pointer);
    return inspect.contains(at) && inspect[at].is_string() ? inspect[at].get<std::string>() : std::string();
}

/// The directories of the object that `inspect` is of, beneath the engine's `root`: never what a volume only stands for.
std::vector<std::string> directories_of(const Json& inspect, rules::Kind kind, const std::string& root)
{
    std::vector<std::string> found;
    const auto add = [&](const std::string& path) {
        if (!root.empty() && path.starts_with(root + "/")) found.push_back(path.substr(root.size() + 1));
    };
    if (kind == rules::Kind::volume && text_at(inspect, "/Driver") == "local" && rules::is_zero(inspect.value("Options", Json())))
        add(text_at(inspect, "/Mountpoint"));
    if (kind == rules::Kind::container) {
        add(text_at(inspect, "/GraphDriver/Data/UpperDir"));
        const std::string hosts = text_at(inspect, "/HostsPath");
        add(hosts.substr(0, hosts.rfind('/')));
    }
    return found;
}

}  // namespace

Task<rules::Result<bool>> EngineCleanup::remove_flagged(EngineRequest removal, EngineRequest inspection, rules::Kind kind)
{
    Answer answer = co_await ask(removal);
    if (answer.status == 500 && answer.message().find("operation not permitted") != std::string::npos) {
        const Answer there = co_await ask(inspection);
        const std::string root = engine_.root_directory();
        std::vector<std::string> directories;
        if (const auto inspect = there.ok() ? there.read() : std::nullopt) directories = directories_of(*inspect, kind, root);
        std::size_t cleared = 0;
        std::string problem;
        const auto clear = [&] {
            for (const std::string& each : directories) try {
                    cleared += clear_flags(root, each);
                } catch (const std::system_error& error) {
                    problem = "; a file there may have the immutable or append-only flag, which berth cannot take away (" + error.code().message() +
                              "): chattr -R -ia " + root + "/" + each;
                }
        };
        co_await offload(clear);
        if (cleared > 0) {
            log::warn("files that could not be removed", {{"kind", rules::kind_name(kind)}, {"id", removal.id}, {"cleared", cleared}});
            answer = co_await ask(removal);
        }
        if (!answer.ok() && answer.status != 404 && !problem.empty())
            co_return tl::unexpected(rules::Error{answer.status, redactor().engine_error(answer.message()) + problem});
    }
    co_return done(answer);
}

}  // namespace broker
