#include "broker/jobs/rulebook.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

namespace broker {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_max = 1024 * 1024;

}  // namespace

rules::Result<rules::RulesText> read_text(const fs::path& path)
{
    std::error_code error;
    if (const auto size = fs::file_size(path, error); error || size > file_max)
        return rules::bad_request(path.string() + ": " + (error ? error.message() : "larger than 1 MiB"));
    std::ifstream file(path, std::ios::binary);
    rules::RulesText text{path.string(), {std::istreambuf_iterator<char>(file), {}}};
    if (!file.is_open() || file.bad()) return rules::bad_request(path.string() + ": " + std::strerror(errno));
    return text;
}

rules::Result<rules::Rulebook> read_rulebook(const fs::path& path)
{
    std::vector<fs::path> files;
    std::error_code error;
    if (fs::is_directory(path, error)) {
        for (const auto& each : fs::directory_iterator(path, error))
            if (each.path().extension() == ".toml") files.push_back(each.path());
        if (error) return rules::bad_request(path.string() + ": " + error.message());
        std::ranges::sort(files);
    } else if (!path.empty()) {
        files.push_back(path);
    }
    std::vector<rules::RulesText> texts;
    for (const fs::path& each : files) {
        rules::Result<rules::RulesText> text = read_text(each);
        if (!text) return tl::unexpected(text.error());
        texts.push_back(*std::move(text));
    }
    return rules::read_rules(texts);
}

}  // namespace broker
