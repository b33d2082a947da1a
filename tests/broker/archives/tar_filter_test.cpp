#include "broker/archives/tar_filter.h"

#include <gtest/gtest.h>

#include "broker/io/io.h"
#include "tests/broker/archives/tar_of.h"

namespace broker {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

Files files_of(const std::string& bytes)
{
    Files files;
    archive* tar = ::archive_read_new();
    ::archive_read_support_format_tar(tar);
    ::archive_read_open_memory(tar, bytes.data(), bytes.size());
    archive_entry* entry = nullptr;
    while (::archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
        std::string data(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
        if (!data.empty()) {
            EXPECT_EQ(::archive_read_data(tar, data.data(), data.size()), static_cast<la_ssize_t>(data.size()));
        }
        files.emplace_back(::archive_entry_pathname(entry), data);
    }
    ::archive_read_free(tar);
    return files;
}

std::optional<std::string> longer(std::string_view file, std::string_view text)
{
    return std::string(file) + ":" + std::string(text) + std::string(600, '+');
}

std::string filtered(const std::string& bytes, std::size_t piece)
{
    TarFilter filter({"manifest.json", "repositories"}, longer);
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        out += filter.pass(std::string_view(bytes).substr(at, piece));
    filter.end();
    return out;
}

TEST(TarFilter, ReplacesItsFilesAndLeavesTheOthers)
{
    const std::string plus(600, '+');
    for (const bool with_pax : {false, true}) {
        const std::string long_name = "d/" + std::string(180, 'n');
        std::vector<Entry> entries = {{"d/"},
                                      {"d/manifest.json", "not this"},
                                      {long_name, std::string(5000, 'x')},
                                      {"manifest.json", "[]"},
                                      {"empty"},
                                      {"repositories"},
                                      {"last", "z"}};
        if (with_pax)
            for (Entry& each : entries) each.xattr = "y";
        const std::string bytes = tar_of(entries);
        for (const std::size_t piece :
             {bytes.size(), std::size_t{1}, std::size_t{511}, std::size_t{513}, std::size_t{4096}}) {
            const Files files = files_of(filtered(bytes, piece));
            EXPECT_EQ(files, (Files{{"d/", ""},
                                    {"d/manifest.json", "not this"},
                                    {long_name, std::string(5000, 'x')},
                                    {"manifest.json", "manifest.json:[]" + plus},
                                    {"empty", ""},
                                    {"repositories", "repositories:" + plus},
                                    {"last", "z"}}));
        }
    }
}

TEST(TarFilter, WithoutItsFilesChangesNothing)
{
    const std::string bytes = tar_of({{"a", std::string(1000, 'a'), "", "y"}, {"b/" + std::string(200, 'b'), "b", "", "y"}});
    EXPECT_EQ(filtered(bytes, 700), bytes);
}

TEST(TarFilter, ReadsASizeFromThePaxHeader)
{
    // A header of its own making: the block says 0, the records say 5, as for files of more than 8 GiB.
    std::string bytes = tar_of({{"big", "12345"}});
    const std::string data = bytes.substr(512, 512);
    const auto block = [](const std::string& name, char type, std::size_t size) {
        std::string header(512, '\0');
        header.replace(0, name.size(), name);
        char text[12];
        std::snprintf(text, sizeof text, "%011zo", size);
        header.replace(124, 11, text);
        header[156] = type;
        header.replace(257, 6, std::string("ustar\0", 6));
        return header;
    };
    std::string records = "9 size=5\n";
    const std::size_t length = records.size();
    records.resize(512, '\0');
    const std::string made = block("PaxHeaders/big", 'x', length) + records + block("big", '0', 0) + data +
                             block("manifest.json", '0', 0) + std::string(1024, '\0');
    const std::string out = filtered(made, 100);
    EXPECT_NE(out.find("manifest.json:" + std::string(600, '+')), out.npos);
    EXPECT_EQ(out.substr(0, 4 * 512), made.substr(0, 4 * 512));
}

TEST(TarFilter, RefusesWhatIsCutOrBroken)
{
    const std::string bytes = tar_of({{"a", std::string(1000, 'a')}});
    EXPECT_THROW(filtered(bytes.substr(0, 700), 100), EngineFailure);
    EXPECT_THROW(filtered(bytes.substr(0, 100), 100), EngineFailure);
    TarFilter none({"a"}, [](std::string_view, std::string_view) { return std::nullopt; });
    EXPECT_THROW(none.pass(bytes), EngineFailure);
}

}  // namespace
}  // namespace broker
